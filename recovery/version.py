"""The project's version, for records made where the package is not installed, as in a Lambda function."""

VERSION = "0.1.0"
