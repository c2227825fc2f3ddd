"""Tables in CSV files that a user gives."""

import csv
from pathlib import Path


def read_rows(path: Path) -> tuple[list[str], list[tuple[int, dict[str, str | None]]]]:
    """The names of the columns, and of each row the line that it ends in and its cells by column.

    A cell that a short row lacks is None; surplus cells are under the key None, as in `csv.DictReader`.
    Raises ValueError for a file that is not CSV in UTF-8, OSError for one that cannot be read.
    """
    try:
        with open(path, newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            return list(reader.fieldnames or ()), [(reader.line_num, row) for row in reader]
    except UnicodeDecodeError:
        raise ValueError(f"{path}: not text in UTF-8; save the table as CSV in UTF-8") from None
    except csv.Error as error:
        raise ValueError(f"{path}: not a table ({error}); save it as CSV in UTF-8") from None
