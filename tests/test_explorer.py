"""The explorer shows what the library computes, alone and in a browser."""

import json
import shutil
import subprocess

import numpy as np
import pytest
import torch

import browser
from arcbook import derive, losses
from arcbook.book import javascript, page
from arcbook.chapters import ch02, ch03
from arcbook.geometry import unit
from browser import STATIC

BUDGET = 60_000  # bytes of our own
COMPARED = "Z_y", "Z_j", "P_y", "dZ_y", "dZ_j", "dL_y", "dL_j"
ANGLES = [(0.2, 1.5), (0.9, 1.4), (1.7, 0.8), (2.4, 2.0), (3.1, 0.1)]
ANGLES += [(1.2, 1.3), (0.6, 2.8)]
CASES = [(key, {}, 10) for key in javascript.offered()]
CASES += [
    ("softmax", {"norm": 3.0}, 2),
    ("m_softmax", {"m": 2.0, "norm": 8.0}, 100),
    *(("l_softmax", {"m": m, "annealing": 2.0}, 5) for m in (1, 2, 3)),
    *(("sphereface", {"m": m}, 5) for m in (1, 2, 3)),
    ("cosface", {"s": 64.0, "m": 0.2}, 100),
    ("arcface", {"s": 1.0, "m": 1.5}, 3),
    ("arcface", {"s": 30.0, "m": 1.5, "variant": "monotone"}, 3),
    ("combined", {"s": 8.0, "m1": 1.3, "m2": 0.1, "m3": 0.5}, 40),
    ("adacos", {}, 50),
    ("arcgrad", {"s": 1.0}, 2),
    ("l2_softmax", {"alpha": 2.0}, 4),
    ("ring", {"normalize_weights": True, "norm": 5.0}, 4),
    ("iam", {"s": 5.0, "beta": 2.0}, 10),
    ("iam-arcface", {"m": 0.5, "beta": 1.0, "variant": "monotone"}, 10),
]
POINTS = [(*case, *angles) for case in CASES for angles in ANGLES]

needs_node = pytest.mark.skipif(
    shutil.which("node") is None, reason="node is not installed"
)


def made(key, hyper, classes):
    """The head that the explorer draws, and the norm of the feature."""
    norm = javascript.state([(key, hyper)])["of"]["a"].get("norm", 1.0)
    given = {k: v for k, v in hyper.items() if k != "norm"}
    head = losses.create(
        **javascript.offered()[key],
        embedding_dim=classes + 1,
        num_classes=classes,
        **given,
    )
    return head.double().eval(), norm


def by_library(key, hyper, classes, y, j):
    """What the head gives for vectors at these angles, by autograd."""
    head, norm = made(key, hyper, classes)
    angles = np.full((1, classes), j)
    angles[0, 0] = y
    feature = norm * torch.eye(classes + 1, dtype=torch.float64)[None, :1]
    first = torch.zeros(1, 1, dtype=torch.long)

    def logits(theta):
        moved = head.on(derive.turned(theta), penalties=False)
        return moved.margin_logits(feature, first)[0, 0]

    z = logits(torch.tensor(angles))
    slopes = [
        derive.autograd(lambda a, k=k: logits(a)[k], angles)[0, k]
        for k in (0, 1)
    ]
    pulls = derive.autograd(
        lambda a: derive.losses_of(head, derive.turned(a), norm), angles
    )[0]
    return [*z[:2].tolist(), z.softmax(-1)[0].item(), *slopes, *pulls[:2]]


@pytest.fixture(scope="module")
def expected():
    return np.array([by_library(*point) for point in POINTS])


def asked():
    """The points as the explorer takes them."""
    found = []
    for key, hyper, classes, y, j in POINTS:
        h = javascript.state([(key, hyper)])["of"]["a"] | {"C": classes}
        found.append([key, h, y, j])
    return json.dumps(found)


EVALUATE = """
const found = %s.map(([key, h, y, j]) => {
  const at = arcbook.evaluate(arcbook.losses[key], h, y, j);
  return %s.map((name) => at[name]);
});
"""


def same(found, expected):
    error = np.abs(np.array(found) - expected)
    return error / np.maximum(np.abs(expected), 1)


def node(code, names=None):
    """What a script with the explorer's sources prints, as JSON."""
    explorer = (STATIC / "explorer.js").read_text(encoding="utf-8")
    run = subprocess.run(
        ["node", "-"],
        input=f"{javascript.script(names)}\n{explorer}\n{code}",
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert run.returncode == 0, run.stderr[-2000:]
    return json.loads(run.stdout)


@needs_node
def test_curves_are_those_of_the_library(expected):
    assert len(POINTS) >= 200
    code = EVALUATE % (asked(), json.dumps(COMPARED))
    found = node(f"{code}console.log(JSON.stringify(found));")
    assert same(found, expected).max() < 1e-9


@needs_node
@pytest.mark.parametrize(
    ("key", "hyper"),
    [
        ("normface", {}),
        ("arcface", {"m": 0.5}),
        ("cosface", {"m": 0.5}),
        ("sphereface", {"m": 2, "norm": 20.0}),
        ("m_softmax", {"m": 3.0, "norm": 20.0}),
        ("arcgrad", {}),
    ],
)
def test_strips_are_those_of_the_chapter(key, hyper):
    scale = {} if "norm" in hyper else {"s": 20.0}
    h = javascript.state([(key, scale | hyper)])["of"]["a"]
    between = [0.3, 1.0, 1.5707963, 2.5, 3.1]
    given = {k: v for k, v in hyper.items() if k != "norm"}
    expected = ch03.gap(key, between, 20.0, **given)
    found = node(
        f"const h = {json.dumps(h | {'C': 2})};"
        f"const found = {between}.map((one) =>"
        f" arcbook.strip(arcbook.losses.{key}, h, one));"
        "console.log(JSON.stringify(found));",
        [key],
    )
    found = np.array(found, dtype=float)
    assert np.allclose(found, expected, rtol=0, atol=1e-9, equal_nan=True)
    assert np.isfinite(found).any()


@needs_node
@pytest.mark.parametrize(
    ("key", "hyper"),
    [
        ("normface", {"s": 5.0}),
        ("arcface", {"s": 5.0, "m": 0.5}),
        ("arcgrad", {"s": 3.0}),
        ("sphereface", {"m": 3, "norm": 1.0}),
        ("iam", {"s": 5.0, "beta": 2.0}),
        ("iam-arcface", {"s": 5.0, "m": 0.5, "beta": 2.0}),
    ],
)
def test_features_move_down_the_gradient_of_the_head(key, hyper):
    h = javascript.state([(key, hyper)])["of"]["a"]
    before, after = node(
        "const one = new arcbook.Descent(6, 3), found = [];"
        "const seen = () => found.push([...one.x, ...one.w]); seen();"
        f"one.step(arcbook.losses[{json.dumps(key)}], {json.dumps(h)},"
        " 0.1, true); seen(); console.log(JSON.stringify(found));",
        [key],
    )
    before, after = (np.reshape(one, (-1, 3)) for one in (before, after))
    head, _ = made(key, hyper, 6)
    x = torch.tensor(before[:-6], requires_grad=True)
    w = torch.tensor(before[-6:], requires_grad=True)
    y = torch.arange(6).repeat_interleave(len(x) // 6)
    loss = head.on(w).losses(x, y).sum()
    of_x, of_w = torch.autograd.grad(loss, [x, w])
    if "|x|" not in head.factors:
        assert (of_x * x).sum(-1).abs().max() < 1e-9
    of_x, of_w = (
        g - (g * v).sum(-1, keepdim=True) * v
        for g, v in ((of_x, x), (of_w, w))
    )
    rate = 0.1 / hyper.get("s", 1.0)
    moved = torch.cat([x - rate * of_x, w - rate * 6 / len(x) * of_w])
    assert np.abs(unit(moved)[0].detach().numpy() - after).max() < 1e-9
    assert np.abs(after - before).max() > 0.01


def test_our_own_part_is_small():
    own = sum(path.stat().st_size for path in STATIC.glob("explorer.*"))
    assert own < BUDGET


def test_every_formula_is_written_beside():
    for key, given in javascript.offered().items():
        _, forms = javascript.entry(**given)
        for text in forms.values():
            assert text.count("<math") >= 3, key
            assert "mfenced" not in text and "piecewise" not in text, key


def test_cases_stand_in_lines_of_their_own():
    found = javascript.expressions("arcface", variant="monotone")
    shown = javascript.formula(found)
    assert shown.count("<math") == 5
    assert shown.count("<mtable>") == 2
    assert "<mi>T</mi>" in shown


def test_a_registered_loss_is_in_the_explorer():
    from arcbook import formulas

    def squared(theta, *, m):
        return formulas.cos(theta) - m * theta**2

    margin = losses.Hyperparameter("m", "margin", 0.3, 0, symbol="m")
    scale = losses.get("normface").hyperparameters
    losses.register(
        losses.Loss(
            "own", "Own", "a test", squared, hyperparameters=(*scale, margin)
        )
    )
    try:
        shown = page.explorer([("own", {"m": 0.5}), ("softmax", {})]).data
        assert 'arcbook.losses["own"]' in shown
        assert "h.m*Math.pow(t, 2)" in shown
    finally:
        losses.unregister("own")


@pytest.mark.parametrize(
    ("settings", "shared", "message"),
    [
        ([("arcfase", {})], {}, "did you mean arcface"),
        ([("arcface", {"m": 4.0})], {}, "margin in radians"),
        ([("arcface", {"margin": 1.0})], {}, "no hyperparameter 'margin'"),
        ([("arcface", {"norm": 2.0})], {}, "arcface has no norm"),
        ([("sphereface", {"m": 5})], {}, "the explorer has m up to 4"),
        ([("arcface", {})], {"c": 3}, "no setting 'c'"),
        ([("arcface", {})], {"C": 1}, "C = 1 is not allowed"),
        ([("arcface", {})], {"y": 190}, "y = 190 is not allowed"),
    ],
)
def test_what_cannot_be_shown_is_refused(settings, shared, message):
    with pytest.raises(ValueError, match=message):
        page.explorer(settings, ["logit"], **shared)


def test_the_printed_figure_takes_the_margin_and_the_scale():
    slope, pull = ch02.slopes("arcface", 8.0, 10, m=0.5)
    assert np.allclose(slope, -8 * np.sin(ch02.THETA + 0.5))
    others = 9 / (9 + np.exp(8 * np.cos(ch02.THETA + 0.5)))
    assert np.allclose(pull, -slope * others)
    slope, _ = ch02.slopes("softmax", 3.0, 10, m=0.5)
    assert np.allclose(slope, -3 * np.sin(ch02.THETA))


@pytest.mark.parametrize("name", losses.available())
def test_every_loss_can_be_first_on_the_page(name):
    key, given = javascript.alike(name, 12.0, m=0.3)
    state = javascript.state([(key, given)])["of"]["a"]
    assert given.items() <= state.items()
    assert name == "adacos" or 12.0 in given.values()
    slope, pull = ch02.slopes(name, 12.0, 5, m=0.3)
    assert np.isfinite(slope).all() and pull.max() > 1


def test_an_unknown_picture_is_refused():
    with pytest.raises(ValueError, match="did you mean strip"):
        page.explorer([("arcface", {})], ["strips"])


# In a browser, from a file, with no network


@pytest.fixture(scope="module")
def chromium(tmp_path_factory):
    pytest.importorskip("selenium")
    if problem := browser.missing():
        pytest.skip(problem)
    with browser.start(tmp_path_factory.mktemp("profile")) as one:
        yield one


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    """A page that holds the whole explorer, as a file."""
    pair = [("arcface", {"m": 0.5}), ("arcgrad", {"s": 20.0})]
    shown = page.explorer(pair, whole=True)
    shown.data += page.setting("flat", [("sphereface", {"m": 2})], y=90)
    return browser.explorer(tmp_path_factory.mktemp("explorer"), shown)


@pytest.fixture
def opened(chromium, address):
    chromium.get("about:blank")
    chromium.get(address)
    yield chromium
    assert chromium.get_log("browser") == []
    seen = chromium.execute_script(
        "return performance.getEntriesByType('resource').map((r) => r.name)"
    )
    assert not [name for name in seen if name.startswith("http")]


def test_curves_in_a_browser_are_those_of_the_library(opened, expected):
    code = EVALUATE % (asked(), json.dumps(COMPARED))
    found = opened.execute_script(f"{code}return found")
    assert same(found, expected).max() < 1e-9


def field(opened, key, value):
    """Write a number where a slider has its field."""
    opened.execute_script(
        "const field = document.querySelector("
        "`input[data-key='${arguments[0]}'] + input`);"
        "field.value = arguments[1];"
        "field.dispatchEvent(new Event('change', {bubbles: true}));",
        *(key, value),
    )


def drawn(opened):
    return opened.execute_script(
        "return [...document.querySelectorAll('svg[role]')]"
        ".map((one) => one.getAttribute('aria-label'))"
    )


def test_a_slider_changes_every_picture_and_the_address(opened):
    before = drawn(opened)
    slider = opened.find_element("css selector", "input[data-key='a.m']")
    slider.send_keys(*["\ue014"] * 40)  # arrow to the right
    after = drawn(opened)
    assert all(one != other for one, other in zip(before, after))
    value = opened.execute_script(
        "return document.querySelector('.explorer').explorer.state.of.a.m"
    )
    assert value > 0.5
    assert f"a.m={value}" in opened.current_url


def test_the_address_holds_the_setting(opened, address):
    for key, value in {"a.m": 1.25, "b.s": 3, "C": 100, "y": 33}.items():
        field(opened, key, value)
    shown, link = drawn(opened), opened.current_url
    opened.get("about:blank")
    opened.get(link)
    assert drawn(opened) == shown
    assert opened.current_url == link
    opened.get("about:blank")
    opened.get(address)
    assert drawn(opened) != shown


def test_what_an_address_cannot_ask_for_is_named(opened, address):
    opened.get("about:blank")
    opened.get(f"{address}#a=arcface&a.s=-3&a.m=0.7&b=nothing&C=2.5&z=1")
    alert = opened.find_element("css selector", "[role=alert]").text
    for part in ("a.s = -3", "b = nothing", "C = 2.5", "z = 1"):
        assert part in alert
    assert "a.m=0.7" in opened.current_url
    assert "a.s=20" in opened.current_url


def test_a_number_that_is_not_allowed_is_marked_and_not_taken(opened):
    shown = drawn(opened)
    field(opened, "a.s", -1)
    marked = opened.find_element(
        "css selector", "input[data-key='a.s'] + input"
    )
    assert marked.get_attribute("aria-invalid") == "true"
    assert drawn(opened) == shown


def test_every_loss_can_be_picked(opened):
    keys = list(javascript.offered())
    for key in keys:
        opened.execute_script(
            "const list = document.querySelector('fieldset.b select');"
            "list.value = arguments[0];"
            "list.dispatchEvent(new Event('change', {bubbles: true}));",
            key,
        )
        assert f"&b={key}&" in opened.current_url
        shown = " ".join(drawn(opened))
        assert "NaN" not in shown and "undefined" not in shown, key


def test_a_button_in_the_text_brings_its_setting(opened):
    opened.find_element("css selector", "button.setting").click()
    assert "#a=sphereface&a.m=2&" in opened.current_url
    assert "&b=none&" in opened.current_url
    slope = next(one for one in drawn(opened) if "Slope of the logit" in one)
    assert slope.endswith("at 90°: SphereFace 0")


def test_it_fits_a_phone(opened, address):
    size = {"width": 390, "height": 800, "deviceScaleFactor": 1}
    metrics = "Emulation.setDeviceMetricsOverride"
    opened.execute_cdp_cmd(metrics, size | {"mobile": True})
    try:
        opened.get("about:blank")
        opened.get(address)
        wide = "return document.documentElement.scrollWidth"
        assert opened.execute_script(wide) <= size["width"]
    finally:
        opened.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_who_wants_less_motion_gets_a_still_sphere(opened, address):
    feature = {"name": "prefers-reduced-motion", "value": "reduce"}
    media = "Emulation.setEmulatedMedia"
    opened.execute_cdp_cmd(media, {"features": [feature]})
    try:
        opened.get("about:blank")
        opened.get(address)
        said = opened.find_element("css selector", ".said")
        assert "step 200" in said.get_attribute("textContent")
        frames = "return arcbook.frames.work.length"
        opened.execute_script(
            "document.querySelector('.pair').scrollIntoView()"
        )
        assert opened.execute_script(frames) == 0
    finally:
        opened.execute_cdp_cmd(media, {"features": []})
