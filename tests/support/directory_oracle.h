// Opens a store in a real directory that nobody writes any more, again and again in every way, and
// asks the oracle. Changes the store as a host does: messages are appended to a topic of their own,
// it is closed, and its index files are computed again.

#ifndef WEIR_TESTS_SUPPORT_DIRECTORY_ORACLE_H_
#define WEIR_TESTS_SUPPORT_DIRECTORY_ORACLE_H_

#include "support/oracle.h"
#include "support/process_resources.h"
#include "support/send_history.h"
#include "support/service.h"
#include "weir/options.h"

namespace weir::testing {

class DirectoryOracle {
 public:
  // The history must outlive this object. The store is opened without threads, whatever `options`
  // say.
  DirectoryOracle(StoreOptions options, const SendHistory& history, const Expectation& expectation);

  // Everything that oracle.h names. A store that is closed here is clean.
  Verdict ExamineAll() const;

  // --- Its parts

  // I13: while `options` of a store are in use they open nothing else.
  void CheckOneWriter(Verdict& verdict) const;
  // I14: in the directory is nothing but the store's files, all regular, ours, and for nobody else;
  // its fronts are alike.
  void CheckFiles(Verdict& verdict) const;
  // I10.
  static void CheckReleased(const ProcessResources& before, Verdict& verdict);

 private:
  // A clean open that delivers what `verdict` says.
  void CheckAgain(const std::string& when, Violation::Kind kind, const Service& service,
                  Verdict& verdict) const;
  void RemoveIndexFiles() const;

  StoreOptions options_;
  const SendHistory& history_;
  Expectation expectation_;
};

}  // namespace weir::testing

#endif  // WEIR_TESTS_SUPPORT_DIRECTORY_ORACLE_H_
