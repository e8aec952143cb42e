"""SOAP and WSDL of ICAT."""
