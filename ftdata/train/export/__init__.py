"""What becomes of a trained run: a merged model, GGUF files, a Modelfile; each proven against base and adapter."""
