"""The formulas in JavaScript and MathML, printed by sympy.

The explorer (`book/_static/explorer.js`) knows no loss. It draws what stands
here in JavaScript, made from the registry while a page runs. Of a sample, `Q`
is the share of all other classes in the softmax, 1 − P_y, and `R` that of one
among them; `q` and `r` are those without margin, which IAM needs. `h` holds
the hyperparameters, the number of classes `C`, and `norm`, the feature's.
Class vectors have length 1. What center and ring add acts on the feature as
a vector, through no angle, and is left out; AdaCos keeps the s it starts with.
"""

from __future__ import annotations

import itertools
import json
import math
import re
from collections.abc import Sequence

import sympy as sp
from sympy.printing.jscode import jscode
from sympy.printing.mathml import MathMLPresentationPrinter

from arcbook import derive, formulas, losses, plot
from arcbook.chapters.spheres import CLASSES
from arcbook.naming import refuse_unknown

THETA = sp.Symbol("t", nonnegative=True)
Q, q, R, r = sp.symbols("Q q R r", positive=True)
ARGUMENTS = {
    "scale": "h",
    "Z_y": "t, h",
    "Z_j": "t, h",
    "dZ_y": "t, h",
    "dZ_j": "t, h",
    "dL_y": "t, Q, q, h",
    "dL_j": "t, Q, q, R, r, h",
    "plain": "t, h",
}
LINES = "Z_y", "Z_j", "dZ_y", "dZ_j", "dL_y", "dL_j"
SHOWN = {  # the left side of a line, and what stands in it for its cases
    "Z_y": ("Z_y", "T"),
    "dZ_y": ("∂Z_y/∂theta_y", "T′"),
    "dL_y": ("∂L/∂theta_y", "T′"),
}
SIGNS = {
    "<mo>&InvisibleTimes;</mo>": '<mspace width=".16em"/>',
    "<mo><</mo>": "<mo>&lt;</mo>",
    "<mo>-</mo>": "<mo>−</mo>",
}
NORM = sp.Symbol("‖x‖", positive=True)
SHARE = {
    derive.P_Y: 1 - Q,
    derive.P_J: R * Q,
    derive.p_y: 1 - q,
    derive.p_j: r * q,
}
PICTURES = "logit", "probability", "slope", "gradient", "strip", "sphere"
LOGARITHMIC, LINEAR = (1 / 60, 4), 10  # times the largest default


class _MathML(MathMLPresentationPrinter):
    """Sympy's, with the cases that it lacks; the style draws their brace."""

    def _print_Piecewise(self, joined):
        table = self.dom.createElement("mtable")
        for value, condition in joined.args:
            row = table.appendChild(self.dom.createElement("mtr"))
            for part in (value, condition)[: 1 + (condition != sp.true)]:
                cell = row.appendChild(self.dom.createElement("mtd"))
                cell.appendChild(self._print(part))
        return table


def mathml(left: str, right: sp.Expr) -> str:
    """One displayed equation, as a browser shows it without a script.

    `left` is a name, or a derivative written ∂name/∂name.
    """
    over, _, under = left.replace("∂", "").partition("/")
    side = _printed(sp.Symbol(over))
    if under:
        d = "<mo>∂</mo>"
        side = f"<mrow>{d}{side}</mrow><mrow>{d}"
        side = f"<mfrac>{side}{_printed(sp.Symbol(under))}</mrow></mfrac>"
    return f'<math display="block">{side}<mo>=</mo>{_printed(right)}</math>'


def formula(made: dict[str, sp.Expr]) -> str:
    """The lines of `SHOWN` as MathML; cases stand in lines of their own."""
    lines = {}
    shares = {Q: 1 - derive.P_Y, q: 1 - derive.p_y}
    for key, (left, name) in SHOWN.items():
        right = made[key].subs(shares)
        cases = right.atoms(sp.Piecewise)
        if len(cases) == 1:
            lines[left] = right.subs(dict.fromkeys(cases, sp.Symbol(name)))
            lines[name] = cases.pop()
        else:
            lines[left] = right
    return "".join(itertools.starmap(mathml, lines.items()))


def _printed(expression):
    text = _MathML().doprint(expression)
    for printed, shown in SIGNS.items():
        text = text.replace(printed, shown)
    return text


def expressions(name: str, **fixed) -> dict[str, sp.Expr]:
    """What the explorer computes of a loss, in symbols that can be read.

    `fixed` are whole numbers and choices, `base` of iam among them. Gives the
    scale, the logits of the own and of another class in their angles, their
    slopes, those of the loss in the shares of the others, and for iam the
    plain logit `s cos θ` of its penalty.
    """
    spec = losses.get(name)
    base = losses.get(fixed.get("base", "normface")) if _iam(spec) else spec
    hyper = {h.name: _symbol(h) for h in _numbers(base)}
    if base.adaptive:
        hyper["s"] = sp.sqrt(2) * sp.log(derive.C - 1)
    given = hyper | fixed
    made = derive.of(name, **given)
    found = {"scale": derive.scale(base, base.defaults | given)}
    found |= {key: getattr(made, key) for key in LINES}
    if made.dL_y.has(derive.p_y):
        found["dL_y"] = sp.expand(made.dL_y.subs(derive.P_Y, 1 - Q))
    if _iam(spec):
        found["plain"] = hyper["s"] * formulas.cosine(THETA)
        found["dL_j"] = sp.cancel(made.dL_j.subs(SHARE))
    norms = {derive.NORMS["|W|"]: 1, derive.NORMS["|x|"]: NORM}
    return {k: sp.sympify(e).subs(SHARE | norms) for k, e in found.items()}


def entry(name: str, **base) -> tuple[dict, dict[str, str]]:
    """What the explorer says of a loss, and its functions in JavaScript.

    `base` may name iam's. There is a set of functions for each choice and
    each whole number up to its default.
    """
    spec = losses.get(name)
    whole = losses.get(base.get("base", "normface")) if _iam(spec) else spec
    choices = [h for h in whole.hyperparameters if h.choices or h.integer]
    forms, hyper = {}, {}
    for values in itertools.product(*map(_allowed, choices)):
        fixed = dict(zip((h.name for h in choices), values))
        made = expressions(name, **fixed, **base)
        forms[",".join(map(_written, values))] = _form(made, whole, spec)
        used = set().union(*(e.free_symbols for e in made.values()))
        hyper |= {
            h.name: _slider(h)
            for h in (*_numbers(whole), *_numbers(spec))
            if _symbol(h) in used
        }
        if NORM in used:
            hyper["norm"] = NORM_SLIDER
    if len(set(forms.values())) == 1:
        forms, choices = {"": forms.popitem()[1]}, []
    title = f"{spec.title} on {whole.title}" if _iam(spec) else spec.title
    about = {
        "title": title,
        "about": spec.about,
        "colour": plot.colour(name),
        "hyper": {
            h.name: {
                "symbol": sp.pretty(_symbol(h), use_unicode=True),
                "meaning": h.meaning,
                "value": _written(h.default),
                "choices": list(map(_written, _allowed(h))),
            }
            for h in choices
        }
        | hyper,
        "fixed": [h.name for h in choices],
    }
    return about, forms


def offered() -> dict[str, dict]:
    """What is offered: every loss, and iam on each of its bases.

    Gives by key what `entry` takes; `iam-arcface` is IAM on ArcFace, `iam`
    that on NormFace.
    """
    found = {}
    for name in losses.available():
        found[name] = {"name": name}
        if _iam(losses.get(name)):
            for base in losses.with_scale():
                key = name if base == "normface" else f"{name}-{base}"
                found[key] = {"name": name, "base": base}
    return found


def script(names=None) -> str:
    """A script that hands losses to the explorer, by default all.

    Raises ValueError: for a name that is none of `offered`.
    """
    known = offered()
    names = list(known) if names is None else names
    refuse_unknown("loss", names, known)
    lines = [
        "(globalThis.arcbook ??= {}).losses ??= {};",
        f"arcbook.classColours = {json.dumps(CLASSES)};",
    ]
    for key in names:
        about, forms = entry(**known[key])
        made = [f"{json.dumps(k)}: {form}" for k, form in forms.items()]
        about = json.dumps(about, ensure_ascii=False)[:-1]
        about += ", forms: {" + ",\n".join(made) + "}}"
        lines.append(f"arcbook.losses[{json.dumps(key)}] = {about};")
    return "\n".join(lines)


def state(settings: Sequence[tuple[str, dict]], **shared) -> dict:
    """The explorer's first state: two losses and what both are looked at.

    Args:
        settings: keys with hyperparameters; the first two are shown.
        **shared: `C`, and in degrees `y`, `j`, `T`; `per`, whether slopes
            are divided by the scale.

    Raises ValueError: for an unknown loss or setting, or a value out of
    range.
    """
    known = offered()
    refuse_unknown("loss", [key for key, _ in settings], known)
    refuse_unknown("setting", shared, SHARED)
    for name, (low, high) in RANGES.items():
        if name in shared and not low <= shared[name] <= high:
            raise ValueError(
                f"{name} = {shared[name]!r} is not allowed; it is a number "
                f"in [{low}, {high}]"
            )
    pair = dict(zip("ab", settings))
    sides = {
        side: _chosen(given, **known[key])
        for side, (key, given) in pair.items()
    }
    names = {side: pair.get(side, ("none",))[0] for side in "ab"}
    return names | {"of": {"a": {}, "b": {}} | sides} | SHARED | shared


def alike(name: str, s: float, **more) -> tuple[str, dict]:
    """A loss as `state` takes it, with what it has of the values given.

    s is also that of α and of the feature's norm, so that losses without an s
    compare at one scale; AdaCos has a scale of its own.
    """
    about, _ = entry(**offered()[name])
    given = {"s": s, "alpha": s, "norm": s} | more
    known = about["hyper"].keys() - about["fixed"]
    return name, {k: given[k] for k in given if k in known}


def _chosen(given, name, base="normface"):
    spec = losses.get(name)
    whole = losses.get(base) if _iam(spec) else spec
    own = {h.name for h in spec.hyperparameters}
    norm = {"norm": given["norm"]} if "norm" in given else {}
    rest = {k: v for k, v in given.items() if k not in norm}
    for h in (*whole.hyperparameters, *spec.hyperparameters):
        if h.integer and given.get(h.name, h.default) not in _allowed(h):
            raise ValueError(
                f"{name}: {h.name} = {given[h.name]!r}; the explorer has "
                f"{h.name} up to {h.default}"
            )
    full = whole.check({k: v for k, v in rest.items() if k not in own})
    full |= spec.check({k: v for k, v in rest.items() if k in own})
    about, _ = entry(name, **({"base": base} if _iam(spec) else {}))
    values = {k: one["value"] for k, one in about["hyper"].items()}
    if extra := norm.keys() - values.keys():
        raise ValueError(f"{name} has no {extra.pop()}: its features are unit")
    return {
        key: norm[key]
        if key in norm
        else _written(full[key])
        if key in about["fixed"]
        else full.get(key, value)
        for key, value in values.items()
    }


def _form(made, base, spec):
    names = {
        _symbol(h): sp.Symbol(f"h.{h.name}")
        for h in (*_numbers(base), *_numbers(spec))
    }
    names |= {NORM: sp.Symbol("h.norm"), derive.C: sp.Symbol("h.C")}
    names |= {derive.THETA_Y: THETA, derive.THETA_J: THETA}
    functions = ", ".join(
        f"{key}: ({ARGUMENTS[key]}) => {_code(e.xreplace(names))}"
        for key, e in made.items()
    )
    shown = json.dumps(formula(made), ensure_ascii=False)
    return f"{{{functions}, formula: {shown}}}"


def _code(expression):
    return re.sub(r"\s+", " ", jscode(expression))


def _iam(spec):
    return spec.penalty == "iam"


def _numbers(spec):
    return [h for h in spec.hyperparameters if not (h.choices or h.integer)]


def _symbol(h):
    return sp.Symbol((h.symbol or h.name).strip("\\"), positive=True)


def _allowed(h):
    return h.choices or range(int(h.low), h.default + 1)


def _written(value):
    return str(value).lower() if isinstance(value, bool) else str(value)


def _slider(h):
    """Where a slider begins and ends, and whether it is logarithmic."""
    most = max(
        one.default
        for name in losses.available()
        for one in losses.get(name).hyperparameters
        if one.name == h.name and not (one.choices or one.integer)
    )
    low, high = h.low, min(LINEAR * (most or 1), h.high)
    if not h.closed:
        low, high = (most * times for times in LOGARITHMIC)
    return {
        "symbol": sp.pretty(_symbol(h), use_unicode=True),
        "meaning": h.meaning,
        "value": h.default,
        "low": low,
        "high": high,
        "least": h.low,
        "most": math.nextafter(h.high, 0) if h.high < math.inf else None,
        "open": not h.closed,
    }


SHARED = {"C": 10, "y": 60, "j": 90, "T": 90, "per": False}
RANGES = {"C": (2, 10**6), "y": (0, 180), "j": (0, 180), "T": (1, 180)}
NORM_SLIDER = {
    "symbol": "‖x‖",
    "meaning": "norm of the feature; class vectors have length 1",
    "value": 20.0,
    "low": 0.5,
    "high": 120.0,
    "least": 0,
    "most": None,
    "open": True,
}
