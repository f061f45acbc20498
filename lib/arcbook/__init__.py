"""An executable companion to angular-margin softmax losses."""

import os

__version__ = "0.1.0"

if "ARCBOOK_TRACE" in os.environ:
    from arcbook.book import trace

    trace.start(os.environ["ARCBOOK_TRACE"])
