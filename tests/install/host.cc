// A host in ten lines, built against the installed library. Usage: host DIRECTORY
#include <weir/store.h>

#include <cstdio>

int main(int, char* argv[]) {
  auto store = weir::MessageStore::Open({.directory = argv[1]});
  if (!store.ok()) return std::fprintf(stderr, "%s\n", store.status().ToString().c_str()), 1;
  auto receipt = (*store)->Append({.topic = "greetings", .body = "hello"});
  if (!receipt.ok()) return std::fprintf(stderr, "%s\n", receipt.status().ToString().c_str()), 1;
  auto read = (*store)->Read("greetings", receipt->queue_id, receipt->queue_offset);
  return read.ok() && read->size() == 1 && (*read)[0].body() == "hello" ? 0 : 1;
}
