"""The look of the pages: layout, components, static files."""
