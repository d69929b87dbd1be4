"""Tests of the client for the services around the deployment, over real connections."""
