// A journal without topics: account movements are on disk before they count, and the balances are
// computed again from them when the program starts.

#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <map>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "weir/commit_log.h"

namespace {

class Bank {
 public:
  // Replays what the journal holds.
  static absl::StatusOr<std::unique_ptr<Bank>> Open(const std::string& directory) {
    auto log = weir::CommitLog::Open({.directory = directory});
    if (!log.ok()) return log.status();
    auto bank = std::make_unique<Bank>();
    bank->log_ = *std::move(log);
    for (weir::LogPosition next = bank->log_->begin();;) {
      const auto entries = bank->log_->Read(next, 64);
      if (!entries.ok()) return entries.status();
      if (!entries->damage.empty()) return absl::DataLossError(entries->damage[0].reason);
      if (entries->empty()) return bank;
      for (const weir::JournalEntry& entry : entries->entries) bank->Apply(entry.body);
      next = entries->next;
    }
  }

  // Moves money, or does nothing at all: both entries are in the journal or none is.
  absl::Status Transfer(const std::string& from, const std::string& to, int64_t cents) {
    const std::string debit = absl::StrCat(from, " ", -cents);
    const std::string credit = absl::StrCat(to, " ", cents);
    const auto receipts = log_->Append({debit, credit}, {.durability = weir::Durability::kDisk});
    if (!receipts.ok()) return receipts.status();
    Apply(debit);
    Apply(credit);
    return absl::OkStatus();
  }

  absl::Status Close() { return log_->Close(); }
  const std::map<std::string, int64_t>& balances() const { return balances_; }

 private:
  void Apply(absl::string_view entry) {
    const std::pair<std::string, absl::string_view> parts = absl::StrSplit(entry, ' ');
    int64_t cents = 0;
    if (absl::SimpleAtoi(parts.second, &cents)) balances_[parts.first] += cents;
  }

  std::unique_ptr<weir::CommitLog> log_;
  std::map<std::string, int64_t> balances_;
};

absl::Status Run(const std::string& directory) {
  auto bank = Bank::Open(directory);
  if (!bank.ok()) return bank.status();
  absl::Status status = (*bank)->Transfer("mint", "alice", 10'000);
  status.Update((*bank)->Transfer("alice", "bob", 2'550));
  status.Update((*bank)->Transfer("bob", "carol", 50));
  const auto balances = (*bank)->balances();
  status.Update((*bank)->Close());
  if (!status.ok()) return status;

  const auto again = Bank::Open(directory);
  if (!again.ok()) return again.status();
  for (const auto& [name, cents] : (*again)->balances()) std::cout << name << ' ' << cents << '\n';
  if ((*again)->balances() != balances) return absl::DataLossError("the balances differ");
  return (*again)->Close();
}

}  // namespace

int main(int argc, char* argv[]) {
  std::string directory = "/tmp/weir_journal.XXXXXX";
  if (argc < 2 && mkdtemp(directory.data()) == nullptr) return 1;
  if (argc >= 2) directory = argv[1];

  const absl::Status status = Run(directory);

  if (argc < 2) std::filesystem::remove_all(directory);
  if (!status.ok()) std::cerr << status << '\n';
  return status.ok() ? 0 : 1;
}
