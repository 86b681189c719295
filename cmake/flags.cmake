# Compiler flags of the whole project. -ffp-contract=off is part of the numerics contract: a fused multiply-add exists
# only where the source says std::fma (docs/numerics.md).
add_compile_options(-Wall -Wextra -Wshadow -Wconversion -Werror -ffp-contract=off)
# GCC 12 sees phantom overflows in inlined std::string and std::vector code (GCC bugs 105329, 105651), and reads of
# uninitialised registers inside its own AVX-512 intrinsics (GCC bug 105593).
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  add_compile_options(-Wno-restrict -Wno-stringop-overflow -Wno-array-bounds -Wno-maybe-uninitialized -Wno-uninitialized)
endif()
if(MILLRACE_SANITIZE)
  add_compile_options(-fsanitize=${MILLRACE_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer -g1)
  add_link_options(-fsanitize=${MILLRACE_SANITIZE})
endif()
if(MILLRACE_FUZZ)
  if(NOT CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
    message(FATAL_ERROR "MILLRACE_FUZZ needs clang: configure with --preset fuzz")
  endif()
  add_compile_options(-fsanitize=fuzzer-no-link)
endif()
