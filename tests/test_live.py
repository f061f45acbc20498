"""Small live trainings: batched as one by one, and right about angles."""

import numpy as np
import pytest

from arcbook import live


def test_batched_is_one_by_one(iris):
    settings = [{"s": 2.0}, {"s": 30.0}]
    both = live.train(iris, "arcgrad", settings, seeds=[3, 4], epochs=[5])
    for k, hyper in enumerate(settings):
        alone = live.train(iris, "arcgrad", [hyper], seeds=[4], epochs=[5])
        np.testing.assert_allclose(
            both.test[5].theta[k, 1], alone.test[5].theta[0, 0], atol=1e-4
        )


def test_same_twice(iris, generator_left):
    given = {"settings": [{"beta": 0.2}], "seeds": [0], "epochs": [3]}
    one, other = (live.train(iris, "iam", **given) for _ in range(2))
    assert (one.train[3].theta == other.train[3].theta).all()


def test_angles_of_a_known_case():
    theta = np.array([[[[0.1, 0.5, 0.9], [0.7, 1.0, 0.2]]]])
    seen = live.Angles(theta, np.array([[[0, 1]]]))
    np.testing.assert_allclose(seen.intra, [[[0.1, 1.0]]])
    np.testing.assert_allclose(seen.gap, [[[0.4, -0.8]]])
    assert seen.accuracy == 0.5


def test_training_learns_iris_and_a_small_scale_is_tighter(iris):
    trained = live.train(
        iris, "arcgrad", [{"s": 1.0}, {"s": 40.0}], seeds=[0], epochs=[150]
    )
    assert (trained.train[150].accuracy > 0.9).all()
    tight, loose = trained.train[150].intra.mean(-1)[:, 0]
    assert tight < loose


def test_a_loss_without_a_scale_is_refused(iris):
    with pytest.raises(ValueError, match="softmax has no fixed scale s"):
        live.train(iris, "softmax", [{}], seeds=[0], epochs=[0])


def test_on_the_sphere_the_penalty_parts_the_classes():
    settings = [{"s": 30.0, "beta": b} for b in (0.0, 2.0)]
    seen = live.descend_on_sphere(
        settings, classes=5, seeds=[0, 1], steps=[0, 100]
    )
    assert np.allclose(seen[0][0][0], seen[0][0][1])
    plain, penalised = seen[100][0].mean(-1)
    assert penalised > plain


def test_two_classes_end_opposite_each_other():
    seen = live.descend_on_sphere(
        [{"s": 5.0, "beta": 1.0}], classes=2, seeds=[0], steps=[200]
    )
    nearest, own = seen[200]
    assert nearest[0, 0] > np.radians(170)
    assert own[0, 0] < np.radians(10)


def test_summary_has_a_row_for_each_setting(iris):
    trained = live.train(
        iris, "normface", [{"s": 5.0}, {"s": 9.0}], seeds=[0, 1], epochs=[1]
    )
    frame = live.summary(trained, 1, s=[5, 9])
    assert list(frame["s"]) == [5, 9]
