#include "core/model/gtid_set.h"

#include <random>
#include <set>

#include <doctest/doctest.h>

namespace orch {

namespace {

const std::string kA = "aaaaaaaa-0000-11ee-8000-0242ac110002";
const std::string kB = "bbbbbbbb-0000-11ee-8000-0242ac110002";

GtidSet gtids(const std::string& text) {
  const auto set = GtidSet::parse(text);
  REQUIRE_MESSAGE(set.has_value(), text);
  return *set;
}

std::string normal(const std::string& text) {
  return gtids(text).to_string();
}

std::string problem(const std::string& text) {
  const auto set = GtidSet::parse(text);
  REQUIRE_FALSE_MESSAGE(set.has_value(), text);
  CHECK(set.error().kind == ErrorKind::InvalidInput);
  return set.error().message;
}

// The naive model that set algebra is checked against: each transaction by itself.
using Transaction = std::pair<GtidOrigin, std::int64_t>;
using Naive = std::set<Transaction>;

Naive naive(const GtidSet& set) {
  Naive all;
  for (const auto& [origin, list] : set.intervals()) {
    for (const auto& [first, last] : list) {
      for (std::int64_t n = first; n <= last; ++n)
        all.insert({origin, n});
    }
  }
  return all;
}

bool is_normal(const GtidSet& set) {
  for (const auto& [origin, list] : set.intervals()) {
    if (list.empty()) return false;
    for (std::size_t i = 0; i < list.size(); ++i) {
      if (list[i].first < 1 || list[i].first > list[i].last) return false;
      if (i > 0 && list[i].first <= list[i - 1].last + 1) return false;
    }
  }
  return true;
}

class RandomSets {
 public:
  explicit RandomSets(unsigned seed) : random_(seed) {}

  /// A set and the transactions that were put into it.
  std::pair<GtidSet, Naive> next() {
    std::pair<GtidSet, Naive> made;
    const int count = upto(12);
    for (int i = 0; i < count; ++i) {
      GtidOrigin origin{};
      origin.uuid.fill(static_cast<std::uint8_t>(upto(1)));
      if (upto(2) == 0) origin.tag = "tag";
      const std::int64_t first = 1 + upto(30);
      const std::int64_t last = first + upto(6);
      made.first.add(origin, {first, last});
      for (std::int64_t n = first; n <= last; ++n)
        made.second.insert({origin, n});
    }
    return made;
  }

 private:
  int upto(int last) { return std::uniform_int_distribution<int>(0, last)(random_); }
  std::mt19937 random_;
};

}  // namespace

TEST_SUITE("core/model/gtid_set") {
  TEST_CASE("a set is read as servers print it") {
    CHECK(normal("") == "");
    CHECK(normal(kA + ":1") == kA + ":1");
    CHECK(normal(kA + ":1-3:5:7-9,\n" + kB + ":1-4") == kA + ":1-3:5:7-9," + kB + ":1-4");
    CHECK(normal("AAAAAAAA-0000-11EE-8000-0242AC110002:1-2") == kA + ":1-2");
    CHECK(normal(" \n" + kA + " : 1 - 3 : 5 ,, \r\n") == kA + ":1-3:5");
    CHECK(normal(kB + ":1," + kA + ":1") == kA + ":1," + kB + ":1");
  }

  TEST_CASE("intervals in any order become sorted, and those that touch become one") {
    CHECK(normal(kA + ":7-9:1-3:4:8-12") == kA + ":1-4:7-12");
    CHECK(normal(kA + ":5," + kA + ":4") == kA + ":4-5");
    CHECK(normal(kA + ":1-10:2-3") == kA + ":1-10");
  }

  TEST_CASE("a tag stays in force for the intervals that follow") {
    const GtidSet set = gtids(kA + ":1-2:Tag_1:1-3:5:tag_2:7");
    CHECK(set.to_string() == kA + ":1-2:tag_1:1-3:5:tag_2:7");
    CHECK(set.count() == 7);
    CHECK(set.intervals().size() == 3);
    CHECK(gtids(kA + ":_x:1") == gtids(kA + ":_X:1"));
    CHECK(normal(kA + ":t:1:t:2," + kA + ":9") == kA + ":9:t:1-2");
    CHECK_FALSE(gtids(kA + ":1-5").contains(gtids(kA + ":t:1")));
  }

  TEST_CASE("numbers go up to 2^63 - 2") {
    const GtidSet all = gtids(kA + ":1-9223372036854775806," + kB + ":1-9223372036854775806");
    CHECK(all.to_string() == kA + ":1-9223372036854775806," + kB + ":1-9223372036854775806");
    CHECK(all.count() == 18446744073709551612U);
    const GtidSet last = gtids(kA + ":9223372036854775806");
    CHECK(all.minus(last).united(last) == all);
    GtidSet four = all;
    four.add({.uuid = {1}}, {1, 9223372036854775806});
    CHECK(four.count() == 18446744073709551615U);
  }

  TEST_CASE("a bad set is refused, and the message quotes the bad part") {
    CHECK(problem("nonsense") == "bad GTID set: not a UUID: \"nonsense\"");
    CHECK(problem(kA + ":0") == "bad GTID set: not an interval or tag: \"0\"");
    CHECK(problem(kA + ":3-1") == "bad GTID set: not an interval or tag: \"3-1\"");
    for (const std::string intervals : {":9223372036854775807",
                                        ":1-9223372036854775807",
                                        ":99999999999999999999",
                                        ":-1",
                                        ":1-",
                                        ":+1",
                                        ":1-2-3",
                                        ":1x",
                                        ":1 2",
                                        "::1",
                                        ":1::2",
                                        ":1:",
                                        ":",
                                        "",
                                        ":tag",
                                        ":1:tag",
                                        ":tag1:tag2:1",
                                        ":t\xC3\xA9g:1",
                                        ":tag-1:1",
                                        ":abcdefghijklmnopqrstuvwxyz0123456:1",
                                        ":1;2",
                                        "\n"}) {
      CHECK_MESSAGE(problem(kA + intervals).starts_with("bad GTID set: "), intervals);
    }
    for (const std::string uuid :
         {"aaaaaaaa000011ee80000242ac110002", "aaaaaaaa-0000-11ee-8000-0242ac11000",
          "aaaaaaaa-0000-11ee-8000-0242ac1100022", "gaaaaaaa-0000-11ee-8000-0242ac110002",
          "aaaaaaaa-000011-ee-8000-0242ac110002"}) {
      CHECK_MESSAGE(problem(uuid + ":1").find("not a UUID") != std::string::npos, uuid);
    }
  }

  TEST_CASE("the quoted part is short and printable") {
    CHECK(problem(std::string(1000, '\x01')).size() < 90);
    CHECK(problem("\x1b[31m").find('\x1b') == std::string::npos);
  }

  TEST_CASE("a set of 100,000 intervals in falling order is read back whole") {
    std::string text = kA;
    for (int n = 100'000; n > 0; --n)
      text += ':' + std::to_string(n * 2);
    const GtidSet set = gtids(text);
    CHECK(set.count() == 100'000);
    CHECK(gtids(set.to_string()) == set);
  }

  TEST_CASE("set algebra agrees with sets of single transactions") {
    RandomSets sets(20260131);
    for (int round = 0; round < 2000; ++round) {
      const auto [a, naive_a] = sets.next();
      const auto [b, naive_b] = sets.next();
      REQUIRE(is_normal(a));
      REQUIRE(naive(a) == naive_a);
      Naive both = naive_a;
      both.insert(naive_b.begin(), naive_b.end());
      Naive shared;
      Naive rest;
      for (const auto& one : naive_a)
        (naive_b.contains(one) ? shared : rest).insert(one);

      REQUIRE(naive(a.united(b)) == both);
      REQUIRE(naive(a.intersected(b)) == shared);
      REQUIRE(naive(a.minus(b)) == rest);
      for (const GtidSet& made : {a.united(b), a.intersected(b), a.minus(b)}) {
        REQUIRE(is_normal(made));
        REQUIRE(gtids(made.to_string()) == made);
      }
      REQUIRE(a.contains(b) == (shared == naive_b));
      REQUIRE(a.contains(a.intersected(b)));
      REQUIRE(a.intersects(b) == !shared.empty());
      REQUIRE(a.count() == naive_a.size());
      REQUIRE(a.explode(1000).size() == naive_a.size());
      REQUIRE(a.united(b) == b.united(a));
      REQUIRE((a == b) == (naive_a == naive_b));
    }
  }

  TEST_CASE("one subtraction may cut several intervals, and one interval several times") {
    CHECK(gtids(kA + ":1-10").minus(gtids(kA + ":2:4-5:9-20")).to_string() == kA + ":1:3:6-8");
    CHECK(gtids(kA + ":1-2:4-5:7-8").minus(gtids(kA + ":2-7")).to_string() == kA + ":1:8");
    CHECK(gtids(kA + ":1-5").minus(gtids(kA + ":1-5")).empty());
  }

  TEST_CASE("the UUIDs of a set are dropped or kept with all their tags") {
    const GtidSet set = gtids(kA + ":1-2:t:1," + kB + ":3");
    CHECK(set.uuids() == std::vector<std::string>{kA, kB});
    GtidSet changed = set;
    changed.remove_uuid("AAAAAAAA-0000-11EE-8000-0242AC110002");
    CHECK(changed.to_string() == kB + ":3");
    changed = set;
    changed.retain_uuid(kA);
    CHECK(changed.to_string() == kA + ":1-2:t:1");
    changed.remove_uuid("no uuid");
    CHECK(changed.to_string() == kA + ":1-2:t:1");
    changed.retain_uuid("no uuid");
    CHECK(changed.empty());
  }

  TEST_CASE("single GTIDs come in order, and never more than wanted") {
    const GtidSet set = gtids(kA + ":1-2:t:7," + kB + ":1-9223372036854775806");
    CHECK(set.explode(4) == std::vector<std::string>{kA + ":1", kA + ":2", kA + ":t:7", kB + ":1"});
    CHECK(set.explode(0).empty());
  }
}

}  // namespace orch
