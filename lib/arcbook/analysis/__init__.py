"""What records, data and printed tables show, before it is drawn or said."""
