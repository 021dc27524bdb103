#include "stress/public_functions.h"

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <sstream>

#include "absl/strings/str_cat.h"

namespace weir::testing {
namespace {

constexpr std::string_view kOursMark = "For the library itself";

bool IsWord(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_'; }

bool HasWord(std::string_view text, std::string_view word) {
  for (size_t at = text.find(word); at != std::string_view::npos; at = text.find(word, at + 1)) {
    const bool begins = at == 0 || !IsWord(text[at - 1]);
    const size_t end = at + word.size();
    if (begins && (end == text.size() || !IsWord(text[end]))) return true;
  }
  return false;
}

// Without lines of the preprocessor and comments, but for the one that ends what is for hosts: an
// access specifier that no compiler knows stands in its place.
std::string Code(std::string_view header) {
  std::string code;
  std::istringstream lines{std::string(header)};
  for (std::string text; std::getline(lines, text);) {
    const size_t comment = text.find("//");
    const size_t first = text.find_first_not_of(' ');
    if (first != std::string::npos && text[first] == '#') continue;
    absl::StrAppend(&code, text.substr(0, comment), "\n");
    const bool is_mark = comment != std::string::npos && comment == first;
    if (is_mark && text.find(kOursMark) != std::string::npos) code += " private: ";
  }
  return code;
}

// A class, or a namespace, whose name is empty.
struct Scope {
  std::string name;
  bool is_public = true;
};

class Reader {
 public:
  explicit Reader(std::string_view header) : code_(Code(header)) {}

  std::vector<std::string> Read() {
    std::vector<Scope> scopes = {{}};
    std::string statement;
    for (; at_ < code_.size(); ++at_) {
      const char c = code_[at_];
      if (c == '(') {
        statement += Balanced('(', ')');
      } else if (c == ';') {
        Declare(scopes.back(), statement);
        statement.clear();
      } else if (c == ':' && IsSpecifier(statement)) {
        scopes.back().is_public = HasWord(statement, "public");
        statement.clear();
      } else if (c == '{' && OpensScope(statement)) {
        scopes.push_back(ScopeOf(statement, scopes.back()));
        statement.clear();
      } else if (c == '{') {
        // A body ends its declaration, an initializer does not.
        const bool is_body = statement.find('(') != std::string::npos;
        Balanced('{', '}');
        if (is_body) Declare(scopes.back(), statement);
        if (is_body) statement.clear();
      } else if (c == '}' && scopes.size() > 1) {
        scopes.pop_back();
        statement.clear();
      } else {
        statement += c;
      }
    }
    std::vector<std::string> names;
    for (const Declared& one : found_) {
      if (one.is_static || !implemented_.contains(one.scope)) names.push_back(one.name);
    }
    return names;
  }

 private:
  struct Declared {
    std::string scope;
    std::string name;
    bool is_static = false;
  };

  // From here to the bracket that closes the one here.
  std::string Balanced(char open, char close) {
    const size_t begin = at_;
    int depth = 0;
    for (; at_ < code_.size(); ++at_) {
      if (code_[at_] == open) ++depth;
      if (code_[at_] == close && --depth == 0) break;
    }
    return code_.substr(begin, at_ + 1 - begin);
  }

  // A template's parameters may say "class" too, and what it requires stands in parentheses.
  static std::string_view BehindTemplate(std::string_view statement) {
    if (!HasWord(statement, "template")) return statement;
    const std::string_view rest = statement.substr(statement.find('>') + 1);
    if (!HasWord(rest, "requires")) return rest;
    size_t end = rest.find('(');
    for (int depth = 0; end < rest.size(); ++end) {
      if (rest[end] == '(') ++depth;
      if (rest[end] == ')' && --depth == 0) break;
    }
    return rest.substr(std::min(end + 1, rest.size()));
  }
  static bool IsSpecifier(std::string_view statement) {
    return statement.find('(') == std::string_view::npos &&
           (HasWord(statement, "public") || HasWord(statement, "protected") ||
            HasWord(statement, "private")) &&
           !HasWord(statement, "class") && !HasWord(statement, "struct");
  }
  static bool OpensScope(std::string_view statement) {
    const std::string_view text = BehindTemplate(statement);
    if (text.find('(') != std::string_view::npos || HasWord(text, "enum")) return false;
    return HasWord(text, "namespace") || HasWord(text, "class") || HasWord(text, "struct");
  }
  static Scope ScopeOf(std::string_view statement, const Scope& outer) {
    std::istringstream words{std::string(BehindTemplate(statement))};
    std::string keyword;
    std::string name;
    words >> keyword >> name;
    if (keyword == "namespace") return {};
    return {.name = name, .is_public = keyword == "struct" && outer.is_public};
  }

  void Declare(const Scope& scope, std::string_view statement) {
    const std::string_view text = BehindTemplate(statement);
    const size_t parameters = text.find('(');
    if (HasWord(text, "virtual")) implemented_.insert(scope.name);
    if (!scope.is_public || parameters == std::string_view::npos) return;
    // A field's initializer may call something.
    if (text.substr(0, parameters).find('=') != std::string_view::npos) return;
    for (const std::string_view word :
         {"virtual", "using", "friend", "operator", "static_assert"}) {
      if (HasWord(text, word)) return;
    }
    size_t end = parameters;
    while (end > 0 && !IsWord(text[end - 1])) --end;
    size_t begin = end;
    while (begin > 0 && IsWord(text[begin - 1])) --begin;
    const std::string function(text.substr(begin, end - begin));
    if (function == scope.name) return;  // a constructor or the destructor
    const std::string name =
        scope.name.empty() ? function : absl::StrCat(scope.name, "::", function);
    const int ordinal = ++seen_[name];
    found_.push_back({.scope = scope.name,
                      .name = ordinal == 1 ? name : absl::StrCat(name, "#", ordinal),
                      .is_static = HasWord(text, "static")});
  }

  const std::string code_;
  size_t at_ = 0;
  std::map<std::string, int> seen_;
  std::set<std::string> implemented_;  // classes with virtual functions: a host implements them
  std::vector<Declared> found_;
};

}  // namespace

std::vector<std::string> PublicFunctionsIn(std::string_view header) {
  return Reader(header).Read();
}

std::vector<std::string> PublicFunctionsOf(const std::string& directory) {
  std::vector<std::string> all;
  for (const auto& entry : std::filesystem::directory_iterator(directory)) {
    std::ostringstream text;
    text << std::ifstream(entry.path()).rdbuf();
    for (std::string& name : PublicFunctionsIn(text.str())) all.push_back(std::move(name));
  }
  std::sort(all.begin(), all.end());
  return all;
}

}  // namespace weir::testing
