import json
import os

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from arcbook import paths, results

RUN = {"dataset": "iris", "loss": "arcface", "hyperparameters": {"s": 20.0}}
RECORD = {
    "experiment": "a.b",
    "profile": "quick",
    **RUN,
    "metrics": {"accuracy": 95.0, "correct": [14] * 100, "tested": [15] * 100},
    "curves": {"loss": [0.5] * 20},
    "canary": "mlp3-arcface-0123:4567",
}


pytestmark = pytest.mark.usefixtures("folder")


@pytest.fixture
def file():
    target = results.path("a.b", "quick", "iris-arcface", RUN)
    results.write(target, RECORD)
    return target


def test_the_key_hangs_on_what_decides_the_result_alone():
    one = results.key("a.b", "quick", RUN)
    assert one == results.key("a.b", "quick", dict(reversed(RUN.items())))
    assert one != results.key("a.b", "full", RUN)
    other = RUN | {"hyperparameters": {"s": 21.0}}
    assert one != results.key("a.b", "quick", other)
    assert len(one) == 8 and int(one, 16) >= 0


def test_a_record_is_small_and_has_a_line_for_each_field(file):
    text = file.read_text()
    assert len(text) < 3000
    assert f'    "correct": {json.dumps([14] * 100)}' in text
    assert file.relative_to(paths.RESULTS).parts[:2] == ("a.b", "quick")
    assert file.name.startswith("iris-arcface-")


@pytest.mark.parametrize("kept", [0, 1, 100, -3])
def test_a_truncated_record_says_what_to_do(file, kept):
    file.write_bytes(file.read_bytes()[:kept])
    expected = r"not a whole record.*arcbook run a\.b --profile quick"
    with pytest.raises(results.RecordError, match=expected):
        results.load(file)


def test_a_file_that_is_something_else_is_no_record(file):
    for text in ("[]", "{}", "3", "\udcff"):
        file.write_text(text, errors="surrogateescape")
        with pytest.raises(results.RecordError, match="not a whole record"):
            results.load(file)


def test_no_number_that_json_lacks_is_written(folder):
    with pytest.raises(ValueError, match="JSON"):
        results.write(folder / "x.json", RECORD | {"seconds": float("nan")})
    assert not (folder / "x.json").exists()


def test_drafts_of_dead_processes_are_ignored_and_removed(file):
    dead = file.with_name(f".{file.name}.4194305.tmp")
    mine = file.with_name(f".{file.name}.{os.getpid()}.tmp")
    for draft in (dead, mine):
        draft.write_text("{")
    assert results.files("a.b", "quick") == [file]
    results.clean()
    assert not dead.exists() and mine.exists()


PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(max_size=5), inner, max_size=4)
    ),
    max_leaves=12,
)
FIELDS = st.dictionaries(st.text(max_size=8), PLAIN, max_size=5)
IN_ONE_FOLDER = settings(
    max_examples=60,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


@given(FIELDS)
@IN_ONE_FOLDER
def test_any_plain_record_comes_back_and_is_in_the_manifest(folder, fields):
    target = results.path("a.b", "quick", "any", RUN)
    results.write(target, fields | RECORD)
    assert results.load(target) == fields | RECORD
    name = "/".join(target.parts[-3:])
    assert results.digests()[name] == results.digest(target.read_bytes())


@given(FIELDS, FIELDS)
def test_keys_are_the_same_where_runs_are_and_only_there(one, other):
    keys = [results.key("a.b", "quick", run) for run in (one, other)]
    texts = [json.dumps(run, sort_keys=True) for run in (one, other)]
    assert (keys[0] == keys[1]) == (texts[0] == texts[1])
    turned = dict(reversed(one.items()))
    assert results.key("a.b", "quick", turned) == keys[0]


@given(st.binary(max_size=80))
def test_no_bytes_break_the_reader(content):
    record, problem = results.parse(content)
    assert problem or {*RECORD} & {*record}


@given(st.data())
@IN_ONE_FOLDER
def test_a_record_cut_anywhere_is_none(data):
    target = results.path("a.b", "quick", "cut", RUN)
    results.write(target, RECORD)
    whole = target.read_bytes()
    kept = data.draw(st.integers(0, len(whole.rstrip()) - 1))
    assert results.parse(whole[:kept])[1]
