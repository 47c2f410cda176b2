#include "ha/raft/packing.h"

#include <doctest/doctest.h>

namespace orch::ha::raft {

TEST_CASE("what is packed is unpacked as it was, bytes of any kind and NULL included") {
  const std::string bytes("\0\xff'", 3);
  Packer packer;
  packer.number(UINT64_MAX);
  packer.text(bytes);
  for (const storage::SqlValue& value : {storage::SqlValue(), storage::SqlValue(std::int64_t{-5}),
                                         storage::SqlValue(0.25), storage::SqlValue(std::string())})
    packer.value(value);
  const std::string packed = packer.take();
  Unpacker unpacker(packed);
  CHECK(unpacker.number() == UINT64_MAX);
  CHECK(unpacker.text() == bytes);
  CHECK(unpacker.value() == storage::SqlValue());
  CHECK(unpacker.value() == storage::SqlValue(std::int64_t{-5}));
  CHECK(unpacker.value() == storage::SqlValue(0.25));
  CHECK(!unpacker.at_end());
  CHECK(unpacker.value() == storage::SqlValue(std::string()));
  CHECK(unpacker.at_end());
}

TEST_CASE("what was cut off anywhere, or counts more than there is, is damaged") {
  Packer packer;
  packer.number(2);
  packer.text("a text");
  packer.value(std::string("b"));
  const std::string packed = packer.take();
  for (std::size_t size = 0; size < packed.size(); ++size) {
    Unpacker unpacker(std::string_view(packed).substr(0, size));
    unpacker.number();
    unpacker.text();
    unpacker.value();
    CHECK_FALSE(unpacker.at_end());
  }
  Packer boast;
  boast.number(UINT64_MAX);
  const std::string boasted = boast.take();
  CHECK(Unpacker(boasted).count() == 0);
  CHECK(Unpacker(boasted).text().empty());
}

TEST_CASE("the checksum is that of gzip") {
  CHECK(crc32_of("123456789") == 0xcbf43926U);
}

}  // namespace orch::ha::raft
