"""For the tests of whoever uses the service: what the pytest plugin's fixtures give."""
