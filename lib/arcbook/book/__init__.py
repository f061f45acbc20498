"""The built book: run its notebooks, fill their text, publish them."""
