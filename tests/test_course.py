"""Every exercise: its solution passes, wrong answers are told why."""

import re

import nbformat
import pytest
import sympy as sp

from arcbook.book import parameters
from arcbook.course import builds, check, pages, slides, source
from arcbook.paths import ROOT

EVERY = source.exercises()
SEEDS = range(3)
NOT_PROVED = ["cosine-slope"]  # √(1 − cos²θ) is sin θ up to θ = π


def of_kind(kind):
    return [key for key, task in EVERY.items() if task.kind == kind]


def answers(task, seed=0):
    """The solution and the other right forms; the wrong ones with why."""
    names = check.namespace() | task.given(seed)
    names |= {
        x: sp.Symbol(x, positive=low >= 0 or None, real=True)
        for x, (low, _) in task.symbols.items()
    }
    exec(task.code, names)
    if task.kind == "code":

        def of(code):
            exec(code, fresh := check.namespace())
            return fresh[task.function]

        right = [names[task.function], *(of(a.code) for a in task.right)]
        return right, [(of(one.code), one.why) for one in task.wrong]
    right = [names["answer"], *(eval(a.code, names) for a in task.right)]
    return right, [(eval(one.code, names), one.why) for one in task.wrong]


def test_there_are_enough_of_every_kind_in_every_chapter():
    assert len(EVERY) >= 35
    for chapter in source.available():
        tasks = source.unit(chapter).exercises
        assert 3 <= len(tasks) <= 6, chapter
        assert len({task.level for task in tasks}) > 1, chapter
    assert {task.facts["level"] for task in EVERY.values()} == set(
        source.LEVELS
    )


@pytest.mark.parametrize("key", EVERY)
def test_two_right_forms_and_three_wrong_answers(key):
    task = EVERY[key]
    assert len(task.right) >= 1 and len(task.wrong) >= 3
    assert all(one.why.endswith(".") for one in task.wrong)
    assert task.hint and task.statement
    for seed in SEEDS:
        assert "{{" not in task.asks(seed)


@pytest.mark.parametrize("key", of_kind("symbolic"))
def test_symbolic(key):
    right, wrong = answers(EVERY[key])
    for answer in right:
        verdict = check.equal(key, answer)
        assert verdict.right, verdict.message
        assert "proved" in verdict.message or key in NOT_PROVED
        assert check.equal(key, str(answer))
    for answer, why in wrong:
        verdict = check.equal(key, answer)
        assert not verdict.right
        assert why in verdict.message and "differ by" in verdict.message


@pytest.mark.parametrize(
    "key", [key for key in of_kind("symbolic") if "loss" in EVERY[key].facts]
)
def test_derivatives_are_those_of_the_formulas(key):
    facts = EVERY[key].facts
    right, wrong = answers(EVERY[key])
    for answer in right:
        assert check.derivative(facts["loss"], answer, by=facts["by"])
    for answer, _ in wrong:
        verdict = check.derivative(facts["loss"], answer, by=facts["by"])
        assert not verdict and "differ by" in verdict.message


@pytest.mark.parametrize("key", of_kind("number"))
@pytest.mark.parametrize("seed", SEEDS)
def test_number(key, seed):
    right, wrong = answers(EVERY[key], seed)
    for answer in right:
        verdict = check.number(key, answer, seed=seed)
        assert verdict.right, (verdict.message, right)
    for answer, why in wrong:
        verdict = check.number(key, answer, seed=seed)
        assert not verdict.right, (answer, right)
        assert why in verdict.message


@pytest.mark.parametrize("key", of_kind("code"))
def test_code(key):
    right, wrong = answers(EVERY[key])
    for function in right:
        verdict = check.code(key, function)
        assert verdict.right, verdict.message
    for function, why in wrong:
        verdict = check.code(key, function)
        assert not verdict.right, why
        assert why in verdict.message, verdict.message


def test_numbers_vary_with_a_seed_and_only_with_it():
    for key, task in EVERY.items():
        drawn = [task.given(seed) for seed in range(20)]
        assert drawn == [task.given(seed) for seed in range(20)]
        for name, values in task.facts.get("given", {}).items():
            assert {one[name] for one in drawn} == set(values), key


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (..., "No answer yet"),
        ("s * (", "Not an expression"),
        ("s > 1", "Not an expression"),
        ("s * q", "q does not occur here"),
        ("f(s)", "f does not occur here"),
        ("s * P_y * sin(theta_y + m)", "they differ by"),
        ("1 / (theta_y - theta_y)", "not finite"),
    ],
)
def test_what_is_no_derivative_is_told_so(answer, said):
    verdict = check.derivative("arcface", answer)
    assert not verdict and said in verdict.message


def test_a_wrong_derivative_gets_a_point_where_it_differs():
    s, m, theta, p = sp.symbols("s m theta_y P_y", positive=True)
    wrong = s * (1 - p) * sp.sin(theta)
    message = check.derivative("arcface", wrong).message
    at = dict(re.findall(r"(\w+) = ([\d.]+)", message))
    here, there, apart = re.search(
        r"it is (\S+), the derived form is (\S+); they differ by (\S+)\.",
        message,
    ).groups()
    values = {s: at["s"], m: at["m"], theta: at["theta_y"], p: at["P_y"]}
    right = s * (1 - p) * sp.sin(theta + m)
    assert float(wrong.subs(values)) == pytest.approx(float(here), rel=1e-5)
    assert float(right.subs(values)) == pytest.approx(float(there), rel=1e-5)
    gap = abs((right - wrong).subs(values))
    assert float(gap) == pytest.approx(float(apart), rel=1e-3)


@pytest.mark.parametrize("name", ["softmax", "l_softmax", "iam", "combined"])
def test_the_derivative_of_every_kind_of_loss_is_taken(name):
    found = check.derive.of(name)
    for by in ("theta_y", "theta_j"):
        truth = getattr(found, f"dL_{by[-1]}")
        truth = truth.subs({x: sp.Symbol(y) for x, y in lengths().items()})
        assert check.derivative(name, truth, by=by)
        assert not check.derivative(name, truth + 1, by=by)
        slope = getattr(found, f"dZ_{by[-1]}").subs(lengths())
        assert "logit's slope" in check.derivative(name, slope, by=by).message
    with pytest.raises(ValueError, match="theta_y or theta_j"):
        check.derivative(name, 0, by="s")


def lengths():
    return {norm: key[1] for key, norm in check.derive.NORMS.items()}


@pytest.mark.parametrize(
    ("answer", "given", "said"),
    [
        (..., {}, "No answer yet"),
        ("45", {}, "Not a number"),
        (float("nan"), {}, "no finite number"),
        (1e9, {}, "too large"),
        (1e-9, {}, "too small"),
    ],
)
def test_what_is_no_right_number_is_told_so(answer, given, said):
    verdict = check.number("longer", answer, **given)
    assert not verdict and said in verdict.message


def test_numbers_have_units_and_seeds():
    task = source.exercise("longer")
    for seed in SEEDS:
        right = check.solution(task, seed)
        turned = sp.rad(sp.Float(right))
        assert check.number("longer", turned, seed=seed, unit="radians")
        told = check.number("longer", float(turned), seed=seed)
        assert not told and "right in radians, not degrees" in told.message
        assert (
            "wrong sign" in check.number("longer", -right, seed=seed).message
        )
    with pytest.raises(ValueError, match="the unit is degrees, not metres"):
        check.number("longer", 1.0, unit="metres")
    with pytest.raises(ValueError, match=r"checked by check\.number"):
        check.equal("longer", 1)
    with pytest.raises(ValueError, match="no exercise 'nothing-such'"):
        check.code("nothing-such", print)


def test_code_that_fails_is_told_how():
    def fails(u, v):
        raise KeyError("u")

    def shape(u, v):
        return u

    def unanswered(u, v):
        raise NotImplementedError

    assert "KeyError" in check.code("stable-angle", fails).message
    assert "9 of 9 inputs" in check.code("stable-angle", shape).message
    assert "No answer" in check.code("stable-angle", unanswered).message
    assert "no function" in check.code("stable-angle", 3.0).message


def text_of(notebook):
    return "\n".join(cell.source for cell in notebook.cells)


def squeezed(text):
    return re.sub(r"\s+", "", text).replace("'", '"')


@pytest.fixture(scope="module")
def students(tmp_path_factory):
    """All that the students' build holds, as one text."""
    folder = tmp_path_factory.mktemp("students")
    written = builds.students(folder)
    assert sorted(written) == sorted(folder.iterdir())
    return "".join(text_of(nbformat.read(x, as_version=4)) for x in written)


@pytest.mark.parametrize("chapter", source.available())
def test_no_solution_is_in_the_students_build(chapter, students):
    """No line of code, no sentence, no form and no value of an answer."""
    solved = text_of(builds.worksheet(chapter, solved=True))
    marked = r"### BEGIN SOLUTION.*?### END SOLUTION"  # nbgrader removes it
    text = squeezed(students + re.sub(marked, "", solved, flags=re.S))
    for task in source.unit(chapter).exercises:
        asked = squeezed(source.IMPORTS + task.asks() + task.stub())
        told = [source.PYTHON.sub("", task.solution)]
        told += [one.why for one in task.wrong]
        told = [x for one in told for x in re.split(r"(?<=[.:;]) ", one)]
        lines = [task.code, *(one.code for one in task.right)]
        told += [x for one in lines for x in one.splitlines()]
        if task.kind == "symbolic":
            told.append(f"answer = {check.solution(task)}")
        if task.kind == "number":
            value = float(check.solution(task))
            told += [f"{value:.5g}"] if value != round(value, 2) else []
        told = [squeezed(one) for one in told]
        kept = [x for x in told if len(x) > 5 and x not in asked]
        assert len(kept) >= 4, task.key
        assert not [x for x in kept if x in text], task.key
        assert squeezed(task.code) in squeezed(solved)


@pytest.mark.parametrize("chapter", source.available())
def test_the_instructors_worksheet_runs_and_the_students_waits(chapter):
    for solved in (True, False):
        notebook = builds.worksheet(chapter, seed=5, solved=solved)
        nbformat.validate(notebook)
        names, graded = {}, 0
        for cell in notebook.cells:
            if cell.cell_type != "code":
                continue
            assert cell.metadata.nbgrader.schema_version == 3
            if cell.metadata.nbgrader.grade and not solved:
                graded += 1
                with pytest.raises(AssertionError, match="No answer yet"):
                    exec(cell.source, names)
            else:
                graded += cell.metadata.nbgrader.grade
                exec(cell.source, names)
        assert graded == len(source.unit(chapter).exercises)


def test_the_guide_has_every_answer_and_the_folder_is_spared(tmp_path):
    builds.instructors(tmp_path / "build", seed=2)
    guide = (tmp_path / "build" / "guide.md").read_text()
    for key, task in EVERY.items():
        row = re.search(rf"^\| `{key}` \| (.+)$", guide, re.M)[1]
        if task.kind == "number":
            answer = check.solution(task, 2)
            assert f"{answer:.6g}" in row
    for chapter in source.available():
        teacher = source.unit(chapter).teacher
        assert teacher in guide
        for heading in ("Goals", "Time", "Before", "Pitfalls", "Discuss"):
            assert f"**{heading}.**" in teacher, chapter
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "thesis.tex").write_text("mine")
    with pytest.raises(ValueError, match="is not empty"):
        builds.students(tmp_path / "own")
    assert (tmp_path / "own" / "thesis.tex").exists()


def test_each_self_check_stands_on_one_page_and_tells():
    texts = [path.read_text() for path in source.COURSE.glob("*.md")]
    texts += [parameters.path(x).read_text() for x in parameters.names()]
    placed = re.findall(
        r"^\W*:::\{selfcheck\} ([\w-]+)", "\n".join(texts), re.M
    )
    keys = [
        one.key
        for name in source.available()
        for one in source.unit(name).checks
    ]
    assert sorted(placed) == sorted(keys)
    for key in keys:
        text = pages.self_check(key)
        assert text.count("**Right.**") == 1
        assert text.count("**No.**") >= 2


@pytest.mark.parametrize("chapter", source.available())
def test_a_page_folds_hint_check_and_solution(chapter):
    text = pages.chapter(chapter)
    shown = re.sub(r"^::::\{dropdown\}.*?^::::$", "", text, flags=re.M | re.S)
    for task in source.unit(chapter).exercises:
        assert task.asks() in shown and task.code in text
        assert task.code not in shown and task.hint not in shown
        assert f'"{task.facts.get("loss", task.key)}"' in text
    assert f"course/{chapter}\n" in (ROOT / "_toc.yml").read_text()


def test_a_deck_has_the_chapters_figures_and_questions():
    figure = '<figure class="plot"><div><svg></svg></div></figure>'
    output = nbformat.v4.new_output("display_data", {"text/html": figure})
    cells = [
        nbformat.v4.new_markdown_cell("# Margins\n\nIt is $m_1$.\n\nWhy?"),
        nbformat.v4.new_markdown_cell("## The fan\n\ntext"),
        nbformat.v4.new_code_cell("draw()", outputs=[output]),
    ]
    notebook = nbformat.v4.new_notebook(cells=cells)
    deck = slides.deck("03_margins", notebook)
    assert f"<h2>The fan</h2>{figure}" in deck
    assert r'It is <span class="math inline">\(m_1\)</span>.' in deck
    assert "Why?" not in deck
    checks = source.unit("03_margins").checks
    assert deck.count("<section>") == 3 + len(checks)
    assert deck.count("✓") == len(checks)
    assert "http" not in deck


def test_the_opening_page_quotes_what_the_check_says():
    text = (source.COURSE / "index.md").read_text()
    names = {}
    *lines, last = source.PYTHON.search(text)[1].splitlines()
    exec("\n".join(lines), names)
    quoted = " ".join(re.findall(r"^> (.+)$", text, re.M))
    assert eval(last, names).message == quoted


BROKEN = {
    "it begins with a yaml block": "## Exercise a: A\n\ntext\n",
    "one right option": "## Self-check a\n\nQ?\n\n- [ ] x\n  y\n",
    "an option without a reason": "## Self-check a\n\nQ?\n\n- [x] x\n",
    "what is the heading": "## Else\n\ntext\n",
    "lacks Also right, Hint": (
        "## Exercise a: A\n\n```yaml\nkind: number\nlevel: plot it\n```\n"
        "text\n### Solution\n```python\nanswer = 1\n```\n### Wrong\n"
    ),
}


@pytest.mark.parametrize("said", BROKEN)
def test_a_source_that_cannot_be_read_says_why(said, tmp_path, monkeypatch):
    monkeypatch.setattr(source, "COURSE", tmp_path)
    (tmp_path / "77_x.md").write_text(f"# X\n\n{BROKEN[said]}")
    with pytest.raises(source.SourceError, match=said):
        source.unit("77_x")
    with pytest.raises(source.SourceError, match="no exercises for '78_x'"):
        source.unit("78_x")
