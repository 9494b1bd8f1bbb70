# One library of everything, static and shared, with headers, weir.pc and a CMake package. Only names that
# begin with weir_ leave the shared one.
set(objects "")
foreach(layer IN LISTS WEIR_LAYERS)
    list(APPEND objects $<TARGET_OBJECTS:weir_${layer}_objects>)
endforeach()

# Who takes weir into a build of its own (add_subdirectory, FetchContent) gets these names as well.
add_library(weir_all_static STATIC ${objects})
set_target_properties(weir_all_static PROPERTIES OUTPUT_NAME weir EXPORT_NAME weir_static)
add_library(weir_all SHARED ${objects})
set_target_properties(weir_all PROPERTIES
    OUTPUT_NAME weir EXPORT_NAME weir VERSION ${PROJECT_VERSION} SOVERSION 0
    LINK_DEPENDS ${PROJECT_SOURCE_DIR}/cmake/weir.map)
if(NOT WEIR_SANITIZE)
    target_link_options(weir_all PRIVATE
        -Wl,--version-script=${PROJECT_SOURCE_DIR}/cmake/weir.map -Wl,--no-undefined)
endif()
# SYSTEM: warnings are for who builds weir, not for who includes it.
foreach(target weir_all weir_all_static)
    target_include_directories(${target} SYSTEM INTERFACE
        $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}>
        $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}/weir>)
endforeach()
target_link_libraries(weir_all PRIVATE ${WEIR_CRYPTO_LIBS} uring)
target_link_libraries(weir_all_static INTERFACE "$<BUILD_INTERFACE:${WEIR_CRYPTO_LIBS};uring>")
add_library(weir::weir ALIAS weir_all)
add_library(weir::weir_static ALIAS weir_all_static)

install(TARGETS weir_all weir_all_static EXPORT weir
    LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
foreach(dir core core/kernels core/pump stun ice dtls sctp srtp rtcp sdp peer)
    file(GLOB headers CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/${dir}/*.h)
    list(FILTER headers EXCLUDE REGEX "_int\\.h$")
    install(FILES ${headers} DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/weir/${dir})
endforeach()

# weir.pc says where it stands itself, for the prefix may change after it is written.
set(WEIR_PC_PREFIX ${CMAKE_INSTALL_PREFIX})
if(NOT IS_ABSOLUTE ${CMAKE_INSTALL_LIBDIR})
    file(RELATIVE_PATH up /${CMAKE_INSTALL_LIBDIR}/pkgconfig /)
    string(REGEX REPLACE "/$" "" up ${up})
    set(WEIR_PC_PREFIX "\${pcfiledir}/${up}")
endif()
foreach(dir LIBDIR INCLUDEDIR)
    set(WEIR_PC_${dir} ${CMAKE_INSTALL_${dir}})
    if(NOT IS_ABSOLUTE ${CMAKE_INSTALL_${dir}})
        set(WEIR_PC_${dir} "\${prefix}/${CMAKE_INSTALL_${dir}}")
    endif()
endforeach()
configure_file(cmake/weir.pc.in ${PROJECT_BINARY_DIR}/weir.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/weir.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)

include(CMakePackageConfigHelpers)
install(EXPORT weir NAMESPACE weir:: FILE weir-targets.cmake
    DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/weir)
configure_package_config_file(cmake/weir-config.cmake.in ${PROJECT_BINARY_DIR}/weir-config.cmake
    INSTALL_DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/weir)
write_basic_package_version_file(${PROJECT_BINARY_DIR}/weir-config-version.cmake
    COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/weir-config.cmake ${PROJECT_BINARY_DIR}/weir-config-version.cmake
    DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/weir)
