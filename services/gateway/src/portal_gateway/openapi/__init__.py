"""The OpenAPI document of the public interface."""
