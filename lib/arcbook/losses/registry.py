"""The losses of the book, one entry each."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from numbers import Integral, Real

import torch

from arcbook import formulas
from arcbook.naming import close, unknown


@dataclass(frozen=True)
class Hyperparameter:
    """A number that a loss is set with, and the values it may take.

    Attributes:
        name: as given to `losses.create`.
        meaning: one line, with the unit where there is one.
        default: taken when none is given.
        low, high: the allowed range; `low` itself only if `closed`, `high`
            never.
        integer: whether only whole numbers will do.
        choices: the allowed values, where they are not numbers.
        symbol: LaTeX.
    """

    name: str
    meaning: str
    default: object
    low: float = -math.inf
    high: float = math.inf
    closed: bool = True
    integer: bool = False
    choices: tuple = ()
    symbol: str = ""

    @property
    def allowed(self) -> str:
        """The allowed values, in words."""
        if self.choices:
            return " or ".join(repr(choice) for choice in self.choices)
        kind = "an integer" if self.integer else "a number"
        left = "[" if self.closed and self.low > -math.inf else "("
        high = "π" if self.high == math.pi else f"{self.high:g}"
        return f"{kind} in {left}{self.low:g}, {high})".replace("inf", "∞")

    def check(self, value, loss: str):
        """Give the value back, or raise a ValueError that names the range."""
        if self.choices:
            valid = any(
                value == c and type(value) is type(c) for c in self.choices
            )
        elif isinstance(value, torch.nn.Parameter):
            valid = self.name == "s" and value.numel() == 1
            valid = valid and 0 < value.item() < math.inf
        else:
            valid = (
                isinstance(value, Integral if self.integer else Real)
                and not isinstance(value, bool)
                and math.isfinite(value)
                and (self.low < value or (self.closed and self.low == value))
                and value < self.high
            )
        if not valid:
            raise ValueError(
                f"{loss}: {self.name} = {value!r} is not allowed; "
                f"{self.name} ({self.meaning}) is {self.allowed}"
            )
        return value


@dataclass(frozen=True)
class Loss:
    """A loss: how angles and norms become logits, and what is added.

    The logit of the target is ``scale · target(θ_y) − lowered_by``, that of
    any other class ``scale · others(θ_j)``.

    Attributes:
        name, title: for code and for people.
        about: one line.
        target: formula of the target angle at unit scale; its keyword
            arguments are hyperparameters.
        others: formula of the other angles.
        scale: the factors of the logit, of "s", "alpha", "|W|" and "|x|";
            or a function from the hyperparameters to them.
        lowered_by: the hyperparameter taken from the finished target logit.
        adaptive: whether s follows AdaCos [arcgrad, Eq. 10].
        penalty: "center", "ring", "iam" or None; see `regularisers`.
        hyperparameters: in the order of the signature.
        sources: papers and equations.
        aliases: other names of the same loss.
    """

    name: str
    title: str
    about: str
    target: Callable = formulas.cosine
    others: Callable = formulas.cosine
    scale: tuple[str, ...] | Callable = ("s",)
    lowered_by: str | None = None
    adaptive: bool = False
    penalty: str | None = None
    hyperparameters: tuple[Hyperparameter, ...] = ()
    sources: tuple[str, ...] = ()
    aliases: tuple[str, ...] = field(default=())

    def __post_init__(self):
        _, *names = inspect.signature(self.target).parameters
        object.__setattr__(self, "_keywords", names)

    @property
    def defaults(self) -> dict:
        """Every hyperparameter at its default."""
        return {h.name: h.default for h in self.hyperparameters}

    def factors(self, hyper: dict) -> tuple[str, ...]:
        """The factors of the scale under these hyperparameters."""
        return self.scale(hyper) if callable(self.scale) else self.scale

    def arguments(self, hyper: dict) -> dict:
        """The hyperparameters that the target's formula takes."""
        return {name: hyper[name] for name in self._keywords}

    def target_logit(self, theta, factors, hyper: dict):
        """Logit of the target at an angle, in whatever the angle is.

        Args:
            theta: in radians; a tensor, an array or a sympy expression.
            factors: what the formula is multiplied with, such as s and |x|.
            hyper: the hyperparameters.
        """
        logit = self.target(theta, **self.arguments(hyper))
        for factor in factors:
            logit = logit * factor
        return self.lowered(logit, hyper)

    def lowered(self, logit, hyper: dict):
        """A finished target logit with `lowered_by` taken from it."""
        return logit - hyper[self.lowered_by] if self.lowered_by else logit

    def check(self, hyper: dict) -> dict:
        """Fill in the defaults and check every value.

        Raises ValueError: for an unknown name (with the close ones) or a value
        outside its range.
        """
        known = {h.name: h for h in self.hyperparameters}
        for name in hyper:
            if name not in known:
                it_has = f"it has {', '.join(known) or 'none'}"
                raise ValueError(
                    f"{self.name} has no hyperparameter {name!r}; "
                    f"{close(name, known) or it_has}"
                )
        return {
            name: h.check(hyper.get(name, h.default), self.name)
            for name, h in known.items()
        }


def scale_s(default):
    """The scale s of cosine logits."""
    return Hyperparameter(
        "s", "scale of the logits", default, low=0, closed=False, symbol="s"
    )


NORMS = ("|W|", "|x|")
PIECES = Hyperparameter(
    "m", "number of pieces of ψ", 4, low=1, integer=True, symbol="m"
)
ANNEALING = Hyperparameter(
    "annealing", "weight λ of the plain cosine", 0.0, low=0, symbol=r"\lambda"
)

_ENTRIES = (
    Loss(
        "softmax",
        "Softmax",
        "inner products, no bias",
        scale=NORMS,
        sources=("arcgrad, Eq. 4", "angular-learning, Eq. 2", "iam, Eq. 2"),
        aliases=("soft",),
    ),
    Loss(
        "center",
        "Center",
        "softmax, and features are drawn to a learned centre of their class",
        scale=NORMS,
        penalty="center",
        hyperparameters=(
            Hyperparameter(
                "lam", "weight of the penalty", 0.02, 0, symbol=r"\lambda"
            ),
        ),
        sources=("arcgrad, Eq. 5 and 6", "angular-learning, Eq. 5 and 6"),
    ),
    Loss(
        "m_softmax",
        "M-Softmax",
        "softmax with the target's logit lowered by m",
        scale=NORMS,
        lowered_by="m",
        hyperparameters=(
            Hyperparameter("m", "margin of the logit", 0.5, 0, symbol="m"),
        ),
        sources=("arcgrad, Section I, citing Wang et al. 2018",),
    ),
    Loss(
        "l_softmax",
        "L-Softmax",
        "softmax with the target's angle multiplied by m",
        target=formulas.annealed_psi,
        scale=NORMS,
        hyperparameters=(PIECES, ANNEALING),
        sources=("angular-learning, Fig. 3, citing Liu et al. 2016",),
    ),
    Loss(
        "sphereface",
        "SphereFace",
        "L-Softmax with unit class vectors",
        target=formulas.annealed_psi,
        scale=("|x|",),
        hyperparameters=(PIECES, ANNEALING),
        sources=("iam, Eq. 4",),
    ),
    Loss(
        "normface",
        "NormFace",
        "scaled cosine",
        hyperparameters=(scale_s(30.0),),
        sources=("arcgrad, Eq. 7", "angular-learning, Eq. 3", "iam, Eq. 3"),
    ),
    Loss(
        "cosface",
        "CosFace",
        "the target's cosine lowered by m",
        target=formulas.cosface,
        hyperparameters=(
            scale_s(30.0),
            Hyperparameter("m", "margin of the cosine", 0.4, 0, symbol="m"),
        ),
        sources=("iam, Eq. 5",),
    ),
    Loss(
        "arcface",
        "ArcFace",
        "the target's angle widened by m",
        target=formulas.arcface,
        hyperparameters=(
            scale_s(20.0),
            Hyperparameter(
                "m", "margin in radians", 0.1, 0, math.pi, symbol="m"
            ),
            Hyperparameter(
                "variant",
                "what holds beyond π − m",
                "plain",
                choices=("plain", "monotone"),
            ),
        ),
        sources=("arcgrad, Eq. 8", "angular-learning, Eq. 4", "iam, Eq. 6"),
    ),
    Loss(
        "combined",
        "Combined",
        "all three margins on the target",
        target=formulas.combined,
        hyperparameters=(
            scale_s(20.0),
            Hyperparameter(
                "m1", "factor of the angle", 1.0, 0, closed=False, symbol="m_1"
            ),
            Hyperparameter(
                "m2", "angle added, in radians", 0.4, 0, math.pi, symbol="m_2"
            ),
            Hyperparameter("m3", "cosine taken", 0.2, 0, symbol="m_3"),
        ),
        sources=("mnist-cosine, Section 3, third display",),
    ),
    Loss(
        "adacos",
        "AdaCos",
        "scaled cosine whose s follows the batch",
        adaptive=True,
        hyperparameters=(
            Hyperparameter(
                "dynamic",
                "whether s follows the batch",
                True,
                choices=(True, False),
            ),
        ),
        sources=("arcgrad, Eq. 9 and 10",),
    ),
    Loss(
        "arcgrad",
        "ArcGrad",
        "the angle itself as the logit",
        target=formulas.arcgrad,
        others=formulas.arcgrad,
        hyperparameters=(scale_s(10.0),),
        sources=("arcgrad, Eq. 11", "angular-learning, Eq. 7"),
        aliases=("angular",),
    ),
    Loss(
        "l2_softmax",
        "L2-Softmax",
        "softmax of features on a sphere of radius α",
        scale=("alpha", "|W|"),
        hyperparameters=(
            Hyperparameter(
                "alpha",
                "radius of the features",
                16.0,
                0,
                closed=False,
                symbol=r"\alpha",
            ),
        ),
        sources=("iam, Section 1, citing Ranjan et al. 2017",),
    ),
    Loss(
        "ring",
        "Ring",
        "softmax, and the norms of features are drawn to a learned radius",
        scale=lambda hyper: ("|x|",) if hyper["normalize_weights"] else NORMS,
        penalty="ring",
        hyperparameters=(
            Hyperparameter(
                "lam", "weight of the penalty", 0.01, 0, symbol=r"\lambda"
            ),
            Hyperparameter(
                "normalize_weights",
                "whether the class vectors are unit",
                False,
                choices=(True, False),
            ),
        ),
        sources=("iam, Section 1, citing Zheng et al. 2018",),
    ),
    Loss(
        "iam",
        "IAM",
        "any loss with an s, and small angles to other classes cost extra",
        penalty="iam",
        hyperparameters=(
            Hyperparameter(
                "beta", "weight of the penalty", 0.2, 0, symbol=r"\beta"
            ),
        ),
        sources=("iam, Eq. 7 and 8",),
    ),
)

_registry: dict[str, Loss] = {}
_names: dict[str, str] = {}


def register(loss: Loss) -> Loss:
    """Add a loss to the book.

    Its derivation, checks, curve and rows follow from the entry alone.

    Raises ValueError: when the name or an alias is taken.
    """
    for name in (loss.name, *loss.aliases):
        if name in _names:
            raise ValueError(f"there is already a loss named {name!r}")
    _registry[loss.name] = loss
    _names.update(dict.fromkeys((loss.name, *loss.aliases), loss.name))
    return loss


def unregister(name: str) -> None:
    """Take a loss out of the book again."""
    loss = _registry.pop(get(name).name)
    for alias in (loss.name, *loss.aliases):
        del _names[alias]


def available() -> list[str]:
    """Names of all losses, in the order of the book."""
    return list(_registry)


def with_scale() -> list[str]:
    """Names of the losses that have an s, the possible bases of iam."""
    return [
        name
        for name, loss in _registry.items()
        if not callable(loss.scale) and "s" in loss.scale and not loss.penalty
    ]


def get(name: str) -> Loss:
    """The entry of a loss, by its name or an alias.

    Raises ValueError: for an unknown name; it lists the close ones.
    """
    if name not in _names:
        raise ValueError(unknown("loss", name, _registry))
    return _registry[_names[name]]


for _entry in _ENTRIES:
    register(_entry)
