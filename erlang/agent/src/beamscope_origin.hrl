%% What a process tells of where it comes from: the callback that it was started with, by which a supervisor is known, and
%% its ancestors. Before OTP 26.2 that copies its whole dictionary, which only small heaps and supervisors are asked for. What
%% stands there may be anything of any size: a helper takes it, so that it costs its own value only. To be included behind
%% beamscope_supervisor.hrl and beamscope_reads_keys.hrl, in front of the first function.

%% Messages above which a process is not asked what walks its queue, or waits behind it.
-define(LONG_QUEUE, 10000).
%% Milliseconds that a helper has for the copy of one dictionary, at least and at most.
-define(LEAST_COPYING, 60).
-define(COPYING, 5000).
%% Modules whose processes are supervisors, though no behaviour of theirs says so (supervisor.erl; Elixir 1.10 to 1.20).
-define(SUPERVISORS, [
    supervisor,
    'Elixir.Supervisor',
    'Elixir.DynamicSupervisor',
    'Elixir.Task.Supervisor',
    'Elixir.Registry'
]).

%% `{Callback, Ancestors}' that the dictionary of a process tells. Of a large heap its ancestors are not read, but only who has
%% started it; and its callback where that can be read alone. The callback is `unread' where it cannot, or the queue is
%% long, or the copy was too large; `gone' where the process is. `Modules' are those that its parent names for it.
origin(Pid, Modules, Spec) ->
    case erlang:process_info(Pid, [initial_call, message_queue_len]) of
        undefined ->
            {gone, []};
        [{_, {proc_lib, init_p, _}}, {_, Messages}] when Messages =< ?LONG_QUEUE ->
            Words = used(Pid),
            case Words =< ?COPIED_HEAP orelse Words =< dictionary_words(Pid, Modules, Spec) of
                true ->
                    read_origin(Pid, ['$initial_call', '$ancestors'], Spec);
                false ->
                    case reads_keys() of
                        true -> {element(1, read_origin(Pid, ['$initial_call'], Spec)), starters(Pid)};
                        false -> {unread, []}
                    end
            end;
        [{_, {proc_lib, init_p, _}}, _] ->
            {unread, []};
        _ ->
            {undefined, []}
    end.

%% Words of heap beyond `?COPIED_HEAP' up to which the whole dictionary of a process is read. Supervisors keep next to nothing
%% there: so where its modules say that it is one, as its parent names them, or its own name is such a module.
dictionary_words(Pid, Modules, #{dictionary_heap := Most} = Spec) ->
    Names = [Name || {_, Name} <- [erlang:process_info(Pid, registered_name)]],
    Known = [Module || is_list(Modules), Module <- Modules] ++ Names,
    lists:max([permitted(Pid, Spec) | [Most || Module <- Known, is_supervisors(Module)]]).

%% Whether the processes of a module are supervisors, as far as that says so itself.
is_supervisors(Module) ->
    lists:member(Module, ?SUPERVISORS) orelse [Name || Name <- behaviours(Module), lists:member(Name, ?SUPERVISING)] =/= [].

read_origin(Pid, Keys, #{until := Until}) ->
    Millis = max(?LEAST_COPYING, min(?COPYING, Until - now_ms())),
    case apart(?ANSWER, Millis, fun() -> told_origin(from_dictionaries(Keys, [Pid])) end) of
        {answer, Told} -> Told;
        _ -> {unread, []}
    end.

%% What stands there is what the process has put there.
told_origin([]) ->
    {gone, []};
told_origin([{_, [Callback]}]) ->
    {told_callback(Callback), []};
told_origin([{_, [Callback, Ancestors]}]) ->
    try length(Ancestors) of
        _ -> {told_callback(Callback), Ancestors}
    catch
        error:badarg -> {told_callback(Callback), []}
    end.

%% A function, or nothing that is known: no word of a process's own is taken for one of ours, as `unread'.
told_callback({Module, Name, Arity} = Callback) when is_atom(Module), is_atom(Name), is_integer(Arity) -> Callback;
told_callback(_) -> undefined.

%% `{Pid, Callback}' of processes, the callback as of `origin', or `late' where time ran out.
told_callbacks(Pids, Spec) ->
    {Told, _} = scan(fun thousand/1, Pids, Spec, fun(Some, Told) -> some_callbacks(Some, Spec) ++ Told end, []),
    Told ++ [{Pid, late} || Pid <- lists:nthtail(length(Told), Pids)].

some_callbacks(Pids, #{until := Until} = Spec) ->
    Ask = fun() -> from_dictionaries(['$initial_call'], Pids) end,
    Read =
        case reads_keys() andalso apart(?COPIES, max(?LEAST_COPYING, Until - now_ms()), Ask) of
            {answer, All} -> All;
            _ -> element(1, kept(['$initial_call'], short(Pids), Spec))
        end,
    IsFunction = [{is_atom, '$2'}, {is_atom, '$3'}, {is_integer, '$4'}],
    Calls = [{{'$1', [{'$2', '$3', '$4'}]}, IsFunction, [{{'$1', {{'$2', '$3', '$4'}}}}]}, {{'$1', '_'}, [], [{{'$1', undefined}}]}],
    Left = Pids -- element(1, lists:unzip(Read)),
    ets:match_spec_run(Read, ets:match_spec_compile(Calls)) ++ [{Pid, hd([unread || is_process_alive(Pid)] ++ [gone])} || Pid <- Left].

answers(Pids, Item) -> lists:zipwith(fun erlang:process_info/2, Pids, lists:duplicate(length(Pids), Item)).

%% Those whose queue is not too long to be walked.
short(Pids) ->
    Answers = [{{'$1', {'_', '$2'}}, [{'=<', '$2', ?LONG_QUEUE}], ['$1']}],
    ets:match_spec_run(lists:zip(Pids, answers(Pids, message_queue_len)), ets:match_spec_compile(Answers)).
