"""Chromium under Selenium, with no network, and a page for the explorer."""

import shutil

from arcbook.paths import ROOT

STATIC = ROOT / "book" / "_static"
FLAGS = (
    *("headless", "no-sandbox", "disable-gpu", "disable-quic"),
    *("no-first-run", "disable-background-networking", "disable-sync"),
    *("disable-component-update", "disable-dev-shm-usage"),
    "host-resolver-rules=MAP * ~NOTFOUND",
)


def _chromium():
    return shutil.which("chromium") or shutil.which("chromium-browser")


def missing() -> str:
    """Why there is no browser to drive; "" where there is one."""
    if not _chromium():
        return "chromium is not installed"
    if not shutil.which("chromedriver"):
        return "chromedriver is not installed"
    return ""


def start(profile):
    """A driver of Chromium, to be used by `with`; `profile` is a folder."""
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = _chromium()
    for flag in (*FLAGS, f"user-data-dir={profile}"):
        options.add_argument(f"--{flag}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    service = webdriver.ChromeService(shutil.which("chromedriver"))
    return webdriver.Chrome(options=options, service=service)


def explorer(folder, shown) -> str:
    """The address of a page that holds what `page.explorer` gave, alone."""
    css, js = (
        (STATIC / f"explorer.{kind}").read_text(encoding="utf-8")
        for kind in ("css", "js")
    )
    path = folder / "explorer.html"
    path.write_text(
        '<!doctype html><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width">'
        f'<link rel="icon" href="data:,"><style>{css}</style>'
        f"<script>{js}</script>{shown.data}",
        encoding="utf-8",
    )
    return path.as_uri()
