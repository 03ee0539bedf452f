"""GGUF files of models and adapters, as llama.cpp reads them. The only place that imports the gguf package."""
