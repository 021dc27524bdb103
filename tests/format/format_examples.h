// The examples of FORMAT.md, encoded by the library.

#ifndef WEIR_TESTS_FORMAT_FORMAT_EXAMPLES_H_
#define WEIR_TESTS_FORMAT_FORMAT_EXAMPLES_H_

#include <map>
#include <string>

namespace weir::testing {

// By the name behind ```hex in the document.
std::map<std::string, std::string> FormatExamples();

}  // namespace weir::testing

#endif  // WEIR_TESTS_FORMAT_FORMAT_EXAMPLES_H_
