"""The user's data in formats that other programs read, complete and exact."""

from device.export.csv_file import HEADER, ExportedTransaction, read_csv
from device.export.json_file import load_json
from device.export.writing import Exported, ExportFormat, export

__all__ = ["HEADER", "ExportFormat", "Exported", "ExportedTransaction", "export", "load_json", "read_csv"]
