"""RELIABILITY's faults and the tests that inject them, each with a control request: a seeded run before and after.

`CONTROLLED` are the tests with both; `MORE` are others that inject the same fault elsewhere or measure its figure.
"""

FAULTS = {
    1: "a model that does not fit", 2: "out of memory in mid-step",
    3: "memory not returned after unloading", 4: "a load that fails half way",
    5: "stop", 6: "the producer dies", 7: "the tab closes in mid-stream", 8: "reconnect", 9: "killed and restarted",
    10: "queue full", 11: "several tabs of one browser", 12: "truncated download", 13: "corrupt cached file",
    14: "stalled download", 15: "disk full", 16: "gated model without token", 17: "offline", 18: "fp16 on a CPU",
    19: "slow bf16", 24: "a picture of numbers that are none", 25: "the filter of pictures",
    26: "visitors' states never mix", 27: "many visits opened and closed",
    28: "two models that do not fit together", 30: "hostile uploads",
}  # fmt: skip

CONTROLLED = {
    1: (
        "tests/faults/test_memory_rows.py"
        "::test_row_1_a_model_that_does_not_fit_is_refused_with_figures_before_anything_is_fetched_or_dropped",
    ),
    2: (
        "tests/faults/test_picture_rows.py"
        "::test_row_2_without_memory_for_a_batch_its_pictures_are_made_one_by_one_and_without_any_it_says_what_to_do",
    ),
    3: (
        "tests/faults/test_memory_rows.py"
        "::test_row_3_after_fourteen_cycles_the_memory_is_what_it_was_after_ten_and_the_run_is_as_before",
        "tests/faults/test_memory_rows.py"
        "::test_row_3_the_large_model_that_is_installed_gives_its_memory_back_too",
        "tests/faults/test_memory_rows.py"
        "::test_row_3_a_planted_leak_of_models_is_found",
    ),
    4: (
        "tests/faults/test_memory_rows.py"
        "::test_row_4_a_load_that_fails_half_way_leaves_the_manager_as_it_was",
    ),
    5: (
        "tests/faults/test_run_rows.py"
        "::test_row_5_a_stopped_run_computes_at_most_one_step_more_on_the_page_and_over_the_api",
    ),
    6: (
        "tests/faults/test_run_rows.py"
        "::test_row_6_a_producer_that_dies_ends_with_an_error_on_the_page_not_with_an_endless_wait",
    ),
    7: (
        "tests/faults/test_run_rows.py"
        "::test_row_7_a_tab_that_closes_in_mid_stream_frees_its_place_and_nobody_else_gets_its_text",
    ),
    8: (
        "tests/faults/test_page_rows.py"
        "::test_row_8_after_a_lost_connection_the_output_that_was_finished_meanwhile_is_there",
    ),
    9: (
        "tests/faults/test_download_rows.py"
        "::test_row_9_a_program_killed_in_mid_download_leaves_whole_files_or_none_and_goes_on_after_its_restart",
    ),
    10: (
        "tests/faults/test_page_rows.py"
        "::test_row_10_when_gradios_own_queue_is_full_the_page_says_what_to_do_and_the_next_click_works",
        "tests/faults/test_page_rows.py"
        "::test_row_10_in_our_queue_the_place_is_said_and_falls_and_nobody_is_lost",
    ),
    11: (
        "tests/faults/test_page_rows.py"
        "::test_row_11_two_tabs_of_one_browser_are_two_visits_and_neither_disturbs_the_other",
        "tests/faults/test_page_rows.py"
        "::test_row_11_a_duplicated_tab_shows_the_same_run_and_both_can_write",
        "tests/faults/test_page_rows.py"
        "::test_row_11_the_back_button_finds_the_run_again",
    ),
    12: (
        "tests/faults/test_download_rows.py"
        "::test_row_12_a_truncated_download_is_noticed_and_fetched_again_once",
    ),
    13: (
        "tests/faults/test_download_rows.py"
        "::test_row_13_a_corrupt_cached_file_is_named_set_aside_and_fetched_again",
        "tests/faults/test_download_rows.py"
        "::test_row_13_a_corrupt_file_that_cannot_be_fetched_again_is_named_with_what_to_do",
    ),
    14: (
        "tests/faults/test_download_rows.py"
        "::test_row_14_a_stalled_download_ends_at_its_deadline_and_others_go_on",
    ),
    15: (
        "tests/faults/test_download_rows.py"
        "::test_row_15_a_disk_without_room_is_noticed_before_anything_is_fetched",
        "tests/faults/test_download_rows.py"
        "::test_row_15_a_disk_that_fills_up_mid_download_leaves_no_partial_file",
        "tests/faults/test_download_rows.py"
        "::test_row_15_a_real_disk_that_fills_up_mid_download_leaves_no_partial_file",
    ),
    16: (
        "tests/faults/test_download_rows.py"
        "::test_row_16_a_gated_model_is_told_apart_from_one_that_there_is_not_and_an_open_one_is_named",
    ),
    17: (
        "tests/faults/test_download_rows.py"
        "::test_row_17_without_a_network_what_is_embedded_or_cached_runs_and_no_socket_is_opened",
        "tests/faults/test_download_rows.py"
        "::test_row_17_a_hub_that_cannot_be_reached_is_said_and_what_was_fetched_before_still_runs",
    ),
    18: (
        "tests/faults/test_number_rows.py"
        "::test_row_18_weights_stored_as_fp16_are_computed_in_float32_on_a_cpu",
    ),
    19: (
        "tests/faults/test_number_rows.py"
        "::test_row_19_bf16_is_computed_in_where_a_probe_says_that_it_pays_and_nowhere_else",
    ),
    24: (
        "tests/faults/test_picture_rows.py"
        "::test_row_24_a_picture_of_numbers_that_are_none_is_computed_once_more_in_float32_or_said",
    ),
    25: (
        "tests/faults/test_picture_rows.py"
        "::test_row_25_what_the_filter_blocks_is_a_finished_run_that_says_so",
    ),
    26: (
        "tests/faults/test_run_rows.py"
        "::test_row_26_runs_of_two_visits_that_alternate_step_by_step_write_what_each_writes_alone",
        "tests/faults/test_run_rows.py"
        "::test_row_26_no_visit_can_look_at_go_on_from_or_stop_the_run_of_another",
    ),
    27: (
        "tests/faults/test_run_rows.py"
        "::test_row_27_visits_that_come_and_go_leave_nothing_behind_and_the_run_is_as_before",
    ),
    28: (
        "tests/faults/test_memory_rows.py"
        "::test_row_28_of_two_models_that_do_not_fit_together_the_one_in_use_stays_and_each_is_loaded_once_a_turn",
    ),
    30: (
        "tests/faults/test_picture_rows.py"
        "::test_row_30_an_upload_that_is_no_picture_is_refused_in_a_sentence",
    ),
}  # fmt: skip

MORE = {
    2: ("tests/denoising/test_memory.py::test_no_memory_anywhere_ends_with_advice_and_the_next_run_works",),
    24: ("tests/denoising/test_memory.py"
         "::test_numbers_that_are_none_in_half_precision_are_computed_again_in_float32",),
    25: ("tests/denoising/test_classifier.py::test_what_is_blocked_is_blurred_and_said",),
    30: ("tests/denoising/test_files.py::test_what_cannot_be_read_is_refused_in_a_sentence",
         "tests/page/test_image_files.py::test_a_file_that_lies_about_its_type_is_refused_with_a_sentence",
         "tests/page/test_guard.py::test_a_body_that_is_too_large_is_refused"),
    1: ("tests/manager/test_manager.py"
        "::test_a_model_larger_than_the_budget_is_refused_with_figures_before_anything_goes",
        "tests/models/test_hub.py::test_a_model_too_large_is_refused_before_its_weights_are_fetched"),
    4: ("tests/manager/test_manager.py::test_a_load_that_fails_half_way_leaves_everything_as_it_was",),
    5: ("tests/page/test_mid_stream.py::test_stop_ends_a_run_where_it_stands_and_one_step_goes_on_from_there",),
    6: ("tests/page/test_visits.py::test_a_generator_that_ends_without_finished_is_an_error_not_an_endless_wait",),
    7: ("tests/page/test_mid_stream.py::test_a_run_whose_tab_was_closed_ends_and_keeps_what_it_had",),
    8: ("tests/page/test_mid_stream.py::test_a_reload_in_mid_stream_finds_its_run_and_its_settings",),
    10: ("tests/audience/test_together.py::test_the_place_beyond_the_active_limit_is_shown_and_falls",
         "tests/audience/test_quotas.py::test_the_fourth_run_of_a_visit_is_refused_and_counts_nowhere"),
    12: ("tests/models/test_hub.py::test_a_file_that_arrives_damaged_is_fetched_again_once",),
    14: ("tests/models/test_hub.py::test_a_download_that_stands_still_ends_with_a_message",),
    16: ("tests/models/test_hub.py::test_gated_is_told_apart_from_not_found",),
    17: ("tests/models/test_hub.py::test_a_download_shows_its_bytes_is_verified_and_then_needs_no_socket",),
    18: ("tests/manager/test_machine.py::test_the_dtype_follows_what_the_device_can",),
    19: ("tests/manager/test_machine.py::test_bfloat16_is_measured_not_assumed",),
    26: ("tests/audience/test_together.py::test_thirty_visits_at_once_see_their_own_text_and_nobody_elses",),
    27: ("tests/audience/test_memory.py::test_after_five_hundred_visits_the_memory_is_what_it_was_after_a_hundred",),
    28: ("tests/manager/test_manager.py::test_a_load_waits_for_a_model_in_use_instead_of_evicting_it",),
}  # fmt: skip
