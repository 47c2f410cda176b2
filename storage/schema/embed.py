#!/usr/bin/env python3
"""Build step: the schema files, in the order given, as one C++ source.

usage: embed.py OUTPUT FILE.sqlite.sql... FILE.mysql.sql...
"""
import pathlib
import sys


def main():
    output, files = sys.argv[1], sorted(map(pathlib.Path, sys.argv[2:]))
    lines = ['#include "storage/schema_files.h"', "", "namespace orch::storage {", ""]
    for kind in ("sqlite", "mysql"):
        lines.append(f"std::vector<std::string_view> {kind}_schema_files() {{")
        lines.append("  return {")
        for file in files:
            if file.name.endswith(f".{kind}.sql"):
                text = file.read_text(encoding="ascii")
                lines.append(f'      R"SQL({text})SQL",')
        lines += ["  };", "}", ""]
    lines.append("}  // namespace orch::storage")
    pathlib.Path(output).write_text("\n".join(lines) + "\n", encoding="ascii")


if __name__ == "__main__":
    main()
