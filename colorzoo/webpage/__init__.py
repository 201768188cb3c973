"""A page that colours in the browser of whoever visits it: a folder for any web server."""
