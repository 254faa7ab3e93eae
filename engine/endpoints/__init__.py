"""The samplers that the queue can talk to, and the pool that chooses among them."""
