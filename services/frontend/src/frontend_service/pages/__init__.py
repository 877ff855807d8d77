"""The pages, a file per noun. A page asks for a Session (`Here`), calls the services and renders a template."""
