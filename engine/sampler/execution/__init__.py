"""A graph becomes node calls: validated, queued, cached, executed."""
