"""What may be asked for and shown: rules for prompts, a look at pictures, and what a community decides of them."""
