"""What code and which machine a number comes from.

The hash of a piece of code is that of its syntax tree without docstrings,
annotations and the texts of errors: prose can be improved without making a
measured number stale.
"""

from __future__ import annotations

import ast
import hashlib
import inspect
import platform
import subprocess
import sys
import textwrap
from collections.abc import Iterable, Mapping
from functools import cache
from types import FunctionType, ModuleType

from arcbook import losses
from arcbook.paths import ROOT

SILENT = {"annotation", "returns", "type_comment", "type_params", "kind"}
PROSE = {"name", "title", "about", "hyperparameters", "sources", "aliases"}


def code_hash(parts: Iterable[ModuleType | FunctionType | type | str]) -> str:
    """Hash of code, the same on every Python version.

    Args:
        parts: modules; functions and classes, which stand for themselves
            and what they name of their own module; or plain text.

    Returns:
        16 hexadecimal digits.
    """
    texts = []
    for part in parts:
        if isinstance(part, str):
            texts.append(part)
        elif isinstance(part, ModuleType):
            texts.append(_text(_tree(part)))
        else:
            texts += [_text(_tree(reached)) for reached in _reach(part)]
    return hashlib.sha256("\n".join(texts).encode()).hexdigest()[:16]


def loss_code(name: str, hyperparameters: Mapping) -> list:
    """What of a loss decides its numbers, as parts for `code_hash`.

    Its formulas and the fields of its entry: another loss that is added or
    changed leaves them as they are.
    """
    spec = losses.get(name)
    own = {h.name for h in spec.hyperparameters}
    values = spec.check(
        {k: hyperparameters[k] for k in own & {*hyperparameters}}
    )
    parts = [spec.target, spec.others, losses.create]
    parts.append(repr((spec.factors(values), sorted(values.items()))))
    for field in spec.__dataclass_fields__.values():
        value = getattr(spec, field.name)
        if (
            field.name not in PROSE | {"scale"}
            and not callable(value)
            and value != field.default
        ):
            parts.append(f"{field.name} = {value!r}")
    if "base" in hyperparameters:
        base = {k: v for k, v in hyperparameters.items() if k not in own}
        parts += loss_code(base.pop("base"), base)
    return parts


def commit() -> str:
    """The commit of the checkout, or "unknown"; "+" if files differ."""
    try:
        head = _git("rev-parse", "--short=12", "HEAD")
        return head + ("+" if _git("status", "--porcelain", "lib") else "")
    except (OSError, subprocess.SubprocessError):
        return "unknown"


def processor() -> str:
    """The processor's model where the system tells it."""
    try:
        with open("/proc/cpuinfo") as lines:
            for line in lines:
                if line.startswith("model name"):
                    return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def _git(*arguments):
    done = subprocess.run(
        ["git", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        timeout=10,
    )
    return done.stdout.strip()


@cache
def _tree(part):
    return ast.parse(textwrap.dedent(inspect.getsource(part)))


@cache
def _reach(part: FunctionType | type) -> tuple[FunctionType | type, ...]:
    """A function or class and those of its module that it names."""
    module = vars(sys.modules[part.__module__])
    found, waiting = {}, [part]
    while waiting:
        one = waiting.pop()
        if one.__qualname__ in found:
            continue
        found[one.__qualname__] = one
        names = {n.id for n in ast.walk(_tree(one)) if isinstance(n, ast.Name)}
        waiting += [
            module[name]
            for name in names & {*module}
            if isinstance(module[name], FunctionType | type)
            and module[name].__module__ == part.__module__
        ]
    return tuple(found[name] for name in sorted(found))


def _text(node) -> str:
    if isinstance(node, ast.Raise):
        return "raise"
    if isinstance(node, ast.AST):
        fields = [
            f"{name}={_text(value)}"
            for name, value in ast.iter_fields(node)
            if name not in SILENT and value not in (None, [])
        ]
        return f"{type(node).__name__}({','.join(fields)})"
    if isinstance(node, list):
        kept = [item for item in node if not _is_prose(item)]
        return f"[{','.join(map(_text, kept))}]"
    return repr(node)


def _is_prose(node):
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )
