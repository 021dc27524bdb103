// How every target wants the address sanitizer. The environment has the last word: who looks into
// a report may want to know who allocated (ASAN_OPTIONS=malloc_context_size=30).

// What was freed is kept from use for about an input, and not until it has filled all caches.
extern "C" const char* __asan_default_options() {
  return "quarantine_size_mb=8:malloc_context_size=0";
}
