"""The API's routes, a file per noun; access is checked by the gate in front of them."""
