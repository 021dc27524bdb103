#include "table.h"

#include <sys/utsname.h>

#include <cstdio>
#include <cstdlib>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace weir::bench {
namespace {

constexpr int kNameColumns = 82;

std::vector<Row> AllRows() {
  std::vector<Row> rows = AppendRows();
  for (const auto& more : {DurableRows(), ReadRows(), FindRows(), RetentionRows(), StoreRows()}) {
    rows.insert(rows.end(), more.begin(), more.end());
  }
  return rows;
}

// Three digits that mean something: 0.000125, 1.32, 1840.
std::string Number(double value) {
  if (value != 0 && value < 0.01) return absl::StrFormat("%.2g", value);
  return value < 100 ? absl::StrFormat("%.2f", value) : absl::StrFormat("%.0f", value);
}

std::string Limit(const Row& row, double limit) {
  return absl::StrCat(row.bar == Row::Bar::kAtMost ? "<= " : ">= ", absl::StrFormat("%.4g", limit),
                      row.unit.empty() ? "" : " ", row.unit);
}

std::string Columns(const std::optional<Percentiles>& nanos) {
  if (!nanos) return "";
  return absl::StrFormat("%.0f / %.0f / %.0f", nanos->p50, nanos->p99, nanos->p999);
}

void PrintLine(const std::string& row, const std::string& must, const std::string& aim,
               const std::string& measured, const std::string& met, const std::string& store,
               const std::string& reference) {
  absl::PrintF("%-*s | %-14s | %-12s | %-13s | %-3s | %-24s | %s\n", kNameColumns, row, must, aim,
               measured, met, store, reference);
}

// Row names hold nothing that JSON would want escaped but the quotation mark and the backslash.
std::string Quoted(absl::string_view text) {
  std::string quoted = "\"";
  for (char c : text) {
    if (c == '"' || c == '\\') quoted += '\\';
    quoted += c;
  }
  return quoted + "\"";
}

void WriteJson(const std::string& path, const std::vector<std::string>& objects) {
  FILE* file = fopen(path.c_str(), "w");
  if (file == nullptr) Fail(path, absl::ErrnoToStatus(errno, "opening"));
  fputs("[", file);
  for (size_t i = 0; i < objects.size(); ++i) {
    fprintf(file, "%s\n  %s", i == 0 ? "" : ",", objects[i].c_str());
  }
  fputs("\n]\n", file);
  if (fclose(file) != 0) Fail(path, absl::ErrnoToStatus(errno, "writing"));
}

}  // namespace

void PrintTable(Run& run, const std::string& row_substring, const std::string& json_path) {
  utsname machine{};
  uname(&machine);
  double load = 0;
  getloadavg(&load, 1);
  absl::PrintF("weir_bench --table%s: %d cores, load %.1f, Linux %s, stores in %s\n",
               run.is_quick ? " --quick" : "", std::thread::hardware_concurrency(), load,
               machine.release, run.workspace->directory());
  constexpr int kLooks = 1'000'000;
  const int64_t begun = NowNanos();
  for (int i = 0; i < kLooks; ++i) NowNanos();
  absl::PrintF("One look at the clock takes %d ns.\n", (NowNanos() - begun) / kLooks);
  absl::PrintF("Ratios are medians over turns of reference and store.\n\n");
  PrintLine("row", "must", "aim", "measured", "met", "p50 / p99 / p99.9 [ns]", "reference's");
  PrintLine(std::string(kNameColumns, '-'), "---", "---", "---", "---", "---", "---");

  const int64_t start = NowNanos();
  std::vector<std::string> objects;
  int rows = 0;
  int met_rows = 0;
  for (const Row& row : AllRows()) {
    if (!absl::StrContains(row.name, row_substring)) continue;
    const Measurement measurement = row.measure(run);
    const double must = measurement.must.value_or(row.must);
    const bool is_met = measurement.invalid.empty() && row.IsMetBy(measurement.value, must);
    ++rows;
    met_rows += is_met ? 1 : 0;
    const std::string unit = row.unit.empty() ? "" : absl::StrCat(" ", row.unit);
    PrintLine(row.name, Limit(row, must), Limit(row, row.aim),
              absl::StrCat(Number(measurement.value), unit), is_met ? "yes" : "NO",
              Columns(measurement.store), Columns(measurement.reference));
    if (!measurement.note.empty()) absl::PrintF("    %s\n", measurement.note);
    if (!measurement.invalid.empty()) absl::PrintF("    NOT MEASURED: %s\n", measurement.invalid);
    fflush(stdout);
    objects.push_back(absl::StrFormat(R"({"row": %s, "must": %s, "measured": %.6g, "met": %s})",
                                      Quoted(row.name), Quoted(Limit(row, must)), measurement.value,
                                      is_met ? "true" : "false"));
  }
  absl::PrintF("\n%d of %d rows met, in %.0f s\n", met_rows, rows,
               static_cast<double>(NowNanos() - start) / 1e9);
  if (!json_path.empty()) WriteJson(json_path, objects);
}

}  // namespace weir::bench
