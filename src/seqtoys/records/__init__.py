"""What training and evaluation write down: histories, predictions, reports and traces.

Imports `seqtoys.data` and what lies below it; knows neither tasks nor models.
"""
