"""A grid of image runs that take a second each."""

from arcbook.experiments import grids, images

TINY = {
    "network": "conv4",
    "sample": True,
    "epochs": 2,
    "batch_size": 32,
    "learning_rate": 0.01,
    "share": 0.05,
    "probe": 50,
    "test_limit": 100,
    "keep_features": 20,
    "keep_cosines": 10,
}


def tiny_runs(profile):
    methods = {"Soft": grids.METHODS["Soft"], "Arc": grids.METHODS["ArcGrad"]}
    return [
        images.one_run("MNIST", column, method, TINY)
        for column, method in methods.items()
    ]


def add(id, grid=tiny_runs, **given):
    return images.register(id, "A test", "none", grid, **given)
