#include "core/base/worker_pool.h"

#include <atomic>
#include <future>

#include <doctest/doctest.h>

namespace orch {

TEST_SUITE("worker_pool") {
  TEST_CASE("all work is done, never more pieces at once than there may be") {
    std::atomic<int> running{0};
    std::atomic<int> most{0};
    std::atomic<int> done{0};
    std::promise<void> all;
    WorkerPool pool(3);
    for (int i = 0; i < 200; ++i) {
      pool.submit([&] {
        const int now = ++running;
        for (int seen = most; now > seen && !most.compare_exchange_weak(seen, now);) {
        }
        --running;
        if (++done == 200) all.set_value();
      });
    }
    all.get_future().wait();
    CHECK(most <= 3);
  }

  TEST_CASE("pieces that wait for each other run beside each other") {
    WorkerPool pool(2);
    std::promise<void> first;
    std::promise<void> second;
    std::promise<void> both;
    pool.submit([&] {
      first.set_value();
      second.get_future().wait();
      both.set_value();
    });
    pool.submit([&] {
      first.get_future().wait();
      second.set_value();
    });
    both.get_future().wait();
  }

  TEST_CASE("what waits when it is stopped is dropped, what runs is ended") {
    std::promise<void> begun;
    std::promise<void> go;
    std::atomic<int> done{0};
    auto pool = std::make_unique<WorkerPool>(1);
    pool->submit([&] {
      begun.set_value();
      go.get_future().wait();
      ++done;
    });
    pool->submit([&] { ++done; });
    begun.get_future().wait();
    CHECK(pool->running() == 1);
    CHECK(pool->waiting() == 1);
    std::thread stopper([&] { pool->stop(); });
    while (pool->waiting() > 0)
      std::this_thread::yield();
    go.set_value();
    stopper.join();
    CHECK(done == 1);
    pool->submit([&] { ++done; });
    pool.reset();
    CHECK(done == 1);
  }
}

}  // namespace orch
