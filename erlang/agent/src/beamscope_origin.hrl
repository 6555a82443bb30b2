%% What a process tells of where it comes from: the callback that it was started with, by which a supervisor is known, and
%% its ancestors. Before OTP 26.2 that copies its whole dictionary, which only small heaps and supervisors are asked for. To be
%% included behind beamscope_supervisor.hrl, in front of the first function.

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

%% `{Callback, Ancestors}' that the dictionary of a process tells. The callback is `unread' where the dictionary had to
%% be read as a whole, and its heap or its queue is too large for that, or the copy was; `gone' where the process is.
%% `Modules' are those that its parent names for it.
origin(Pid, Modules, Spec) ->
    try
        told_origin(erlang:process_info(Pid, [{dictionary, '$initial_call'}, {dictionary, '$ancestors'}]))
    catch
        error:badarg ->
            case erlang:process_info(Pid, [initial_call, message_queue_len]) of
                undefined ->
                    {gone, []};
                [{_, {proc_lib, init_p, _}}, {_, Messages}] when Messages =< ?LONG_QUEUE ->
                    Words = used(Pid),
                    case Words =< ?COPIED_HEAP orelse Words =< dictionary_words(Pid, Modules, Spec) of
                        true -> read_origin(Pid, Spec);
                        false -> {unread, []}
                    end;
                [{_, {proc_lib, init_p, _}}, _] ->
                    {unread, []};
                _ ->
                    {undefined, []}
            end
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

%% Of a dictionary that is copied as a whole.
read_origin(Pid, #{until := Until}) ->
    Millis = max(?LEAST_COPYING, min(?COPYING, Until - now_ms())),
    case apart(?ANSWER, Millis, fun() -> told_origin(erlang:process_info(Pid, dictionary)) end) of
        {answer, Told} -> Told;
        _ -> {unread, []}
    end.

%% What stands there is what the process has put there.
told_origin(undefined) ->
    {gone, []};
told_origin([{_, Callback}, {_, Ancestors}]) ->
    try length(Ancestors) of
        _ -> {told_callback(Callback), Ancestors}
    catch
        error:badarg -> {told_callback(Callback), []}
    end;
told_origin({dictionary, Entries}) ->
    told_origin([{Key, proplists:get_value(Key, Entries)} || Key <- ['$initial_call', '$ancestors']]).

%% A function, or nothing that is known: no word of a process's own is taken for one of ours, as `unread'.
told_callback({Module, Name, Arity} = Callback) when is_atom(Module), is_atom(Name), is_integer(Arity) -> Callback;
told_callback(_) -> undefined.

%% `{Pid, Callback}' of processes, the callback as of `origin', or `late' where time ran out.
told_callbacks(Pids, Spec) ->
    {Told, _} = scan(fun thousand/1, Pids, Spec, fun(Some, Told) -> some_callbacks(Some, Spec) ++ Told end, []),
    Told ++ [{Pid, late} || Pid <- lists:nthtail(length(Told), Pids)].

some_callbacks(Pids, Spec) ->
    try answers(Pids, {dictionary, '$initial_call'}) of
        Answers ->
            IsFunction = [{is_atom, '$2'}, {is_atom, '$3'}, {is_integer, '$4'}],
            Calls = [
                {{'$1', {'_', {'$2', '$3', '$4'}}}, IsFunction, [{{'$1', {{'$2', '$3', '$4'}}}}]},
                {{'$1', {'_', '_'}}, [], [{{'$1', undefined}}]},
                {{'$1', '_'}, [], [{{'$1', gone}}]}
            ],
            ets:match_spec_run(lists:zip(Pids, Answers), ets:match_spec_compile(Calls))
    catch
        error:badarg ->
            {Read, _} = callbacks(short(Pids), Spec),
            Left = Pids -- element(1, lists:unzip(Read)),
            [{Pid, told_callback(Callback)} || {Pid, Callback} <- Read] ++ [{Pid, hd([unread || is_process_alive(Pid)] ++ [gone])} || Pid <- Left]
    end.

answers(Pids, Item) -> lists:zipwith(fun erlang:process_info/2, Pids, lists:duplicate(length(Pids), Item)).

%% Those whose queue is not too long to be walked.
short(Pids) ->
    Answers = [{{'$1', {'_', '$2'}}, [{'=<', '$2', ?LONG_QUEUE}], ['$1']}],
    ets:match_spec_run(lists:zip(Pids, answers(Pids, message_queue_len)), ets:match_spec_compile(Answers)).
