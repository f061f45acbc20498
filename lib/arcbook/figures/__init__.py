"""Pictures of single pages; they move into `arcbook.chapters`."""
