"""Training on a service that speaks OpenAI's API. Only ``client.py`` imports the openai package, and only when a run begins."""
