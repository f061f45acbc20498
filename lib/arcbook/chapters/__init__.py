"""What only one page computes and draws, a module a page."""
