"""Exercises: their source, their checks, and what is built from them."""
