// What the public headers declare for a host to call: read out of their text, so that whoever adds
// a function and no caller of it in the stress hears of it.

#ifndef WEIR_TESTS_STRESS_PUBLIC_FUNCTIONS_H_
#define WEIR_TESTS_STRESS_PUBLIC_FUNCTIONS_H_

#include <string>
#include <string_view>
#include <vector>

namespace weir::testing {

// The functions that `header` declares, in its order: "RepairStore", "MessageStore::Append" and for
// the second of that name "MessageStore::Append#2". Without what is private or "For the library
// itself", constructors, destructors and operators; of classes that a host implements, which have
// virtual functions, the static ones.
std::vector<std::string> PublicFunctionsIn(std::string_view header);

// Of all headers in `directory`, sorted.
std::vector<std::string> PublicFunctionsOf(const std::string& directory);

}  // namespace weir::testing

#endif  // WEIR_TESTS_STRESS_PUBLIC_FUNCTIONS_H_
