"""Settings and the data that ships with Atelier: workflows, locales and the built-in model."""
