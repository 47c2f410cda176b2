#!/usr/bin/env python3
"""Build step: the files of the web pages as one C++ source.

usage: embed.py OUTPUT FILE...
"""
import pathlib
import sys


def main():
    output, files = sys.argv[1], sorted(map(pathlib.Path, sys.argv[2:]))
    lines = ['#include "cmd/http/web_files.h"', "", "namespace orch::cmd {", "",
             "const std::vector<WebFile>& web_files() {", "  static const std::vector<WebFile> kFiles = {"]
    for file in files:
        lines.append(f'      {{"{file.name}", R"WEB({file.read_text(encoding="utf-8")})WEB"}},')
    lines += ["  };", "  return kFiles;", "}", "", "}  // namespace orch::cmd"]
    pathlib.Path(output).write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
