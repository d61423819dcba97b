"""The service: gateway → scheduler → worker process → back."""
