"""Chat templates of local models: read a model folder, render safely, and say what a template does to a conversation."""

from ftdata.template.folder import ModelFolder, read_model_folder
from ftdata.template.messages import to_messages
from ftdata.template.probe import (
    Fault,
    inspect,
    inspect_rendering,
    inspect_shape,
    inspect_template,
    inspect_text,
    shape_key,
)
from ftdata.template.render import Conversation, Rendered, Renderer, TemplateFault

__all__ = [
    "Conversation", "Fault", "ModelFolder", "Rendered", "Renderer", "TemplateFault", "inspect", "inspect_rendering",
    "inspect_shape", "inspect_template", "inspect_text", "read_model_folder", "shape_key", "to_messages",
]  # fmt: skip
