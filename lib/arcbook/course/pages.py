"""The exercises as pages of the book: MyST made from their source."""

from arcbook.book import prose
from arcbook.course import source

CALLS = {"symbolic": "equal", "number": "number", "code": "code"}
KEPT = "answer", "..."


def call(task: source.Exercise, answer: str, seed: str = "") -> str:
    """The line of Python that checks an answer."""
    facts = task.facts
    if "loss" in facts:
        by = "" if facts["by"] == "theta_y" else f', by="{facts["by"]}"'
        return f'check.derivative("{facts["loss"]}", {answer}{by})'
    seed = f", seed={seed}" if seed and task.kind == "number" else ""
    return f'check.{CALLS[task.kind]}("{task.key}", {answer}{seed})'


def start(task: source.Exercise, seed: int = 0) -> str:
    """The Python that an answer may begin from: symbols or given numbers."""
    if task.symbols:
        names = list(task.symbols)
        made = "symbols" if names[1:] else "Symbol"
        text = f'{", ".join(names)} = sp.{made}("{" ".join(names)}"'
        real = any(low < 0 for low, _ in task.symbols.values())
        return f"{text}, {'real' if real else 'positive'}=True)"
    return "\n".join(f"{k} = {v!r}" for k, v in task.given(seed).items())


def asked(task: source.Exercise) -> str:
    """How an answer is asked for: its level and, of a number, its unit."""
    unit = task.facts.get("unit")
    return f"*{task.level}*" + (f", in {unit}" if unit else "")


def chapter(name: str) -> str:
    """The page of a chapter's exercises, for the seed 0."""
    unit = source.unit(name)
    number = int(name[:2])
    parts = [
        f"# Exercises {number}: {unit.title}",
        f"Exercises to {{doc}}`../notebooks/{name}`, each with a hint, a "
        "check and a solution, all folded. The check says where a wrong "
        "answer differs, and often why. {doc}`index` says how to begin.",
    ]
    for k, task in enumerate(unit.exercises, 1):
        parts += [f"## {number}.{k} {task.title}", asked(task), task.asks()]
        begin = start(task)
        answer = task.function or "answer"
        code = [f"answer = {KEPT[1]}"] if answer == "answer" else [task.stub()]
        code = [*filter(None, [begin]), *code, call(task, answer)]
        parts += [
            _folded("Hint", task.hint),
            _folded("Check", _python("\n".join(code))),
            _folded(
                "Solution", f"{task.solution}\n\n{_known(task)}", "solution"
            ),
        ]
    return "\n\n".join(parts) + "\n"


def self_check(key: str) -> str:
    """A question whose options say, when opened, whether they are right."""
    asked = source.self_check(key)
    options = [
        _folded(text, f"**{'Right' if right else 'No'}.** {why}", _mark(right))
        for right, text, why in asked.options
    ]
    body = "\n\n".join([asked.question, *options])
    head = ":::::{admonition} Ask yourself\n:class: selfcheck"
    return f"{head}\n\n{body}\n:::::\n"


def _mark(right):
    return f"option {'right' if right else 'wrong'}"


def _folded(title, body, kind="exercise"):
    classes = f":class-container: {kind}"
    return f"::::{{dropdown}} {title}\n{classes}\n\n{body}\n::::"


def _python(code):
    return f"```python\n{code}\n```"


def _known(task):
    """The wrong answers that the check knows."""
    if task.kind == "code":
        rows = [f"- {prose.readable(one.why)}" for one in task.wrong]
    else:
        rows = [
            f"- `{one.code}`: {prose.readable(one.why)}" for one in task.wrong
        ]
    return "\n".join(
        ["**Answers that the check knows to be wrong**", "", *rows]
    )
