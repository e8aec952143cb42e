"""The application that every service is built on."""
