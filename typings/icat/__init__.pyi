from icat.client import Client as Client
